#include "daemon/keystore/uuid.h"

#include <openssl/rand.h>

#include <array>
#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace ddskey {

absl::StatusOr<std::string> NewUuid() {
  std::array<uint8_t, 16> octets;
  if (RAND_bytes(octets.data(), octets.size()) != 1) {
    return absl::InternalError("OpenSSL has no random numbers to make a UUID from");
  }
  octets[6] = static_cast<uint8_t>((octets[6] & 0x0f) | 0x40);
  octets[8] = static_cast<uint8_t>((octets[8] & 0x3f) | 0x80);
  const std::string hex =
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(octets.data()), octets.size()));
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-", hex.substr(16, 4), "-",
                      hex.substr(20));
}

}  // namespace ddskey
