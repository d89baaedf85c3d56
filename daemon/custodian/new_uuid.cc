#include "daemon/custodian/new_uuid.h"

#include <openssl/rand.h>

#include <array>
#include <cstdint>

namespace ddskey {

absl::StatusOr<std::string> NewUuid() {
  std::array<uint8_t, 16> octets = {};
  if (RAND_bytes(octets.data(), octets.size()) != 1) return absl::InternalError("no random numbers for a UUID");
  octets[6] = static_cast<uint8_t>(0x40 | (octets[6] & 0x0f));
  octets[8] = static_cast<uint8_t>(0x80 | (octets[8] & 0x3f));
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < octets.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    text.push_back(kDigits[octets[i] >> 4]);
    text.push_back(kDigits[octets[i] & 0x0f]);
  }
  return text;
}

}  // namespace ddskey
