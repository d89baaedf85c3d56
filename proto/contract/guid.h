#ifndef PROTO_CONTRACT_GUID_H_
#define PROTO_CONTRACT_GUID_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ddskey {

// Guid is a participant's RTPS GUID: 12 octets of prefix and 4 of entity id, in wire order (DDSI-RTPS 9.3.1).
using Guid = std::array<uint8_t, 16>;

// ParseGuid takes exactly 16 octets.
inline std::optional<Guid> ParseGuid(std::string_view octets) {
  Guid guid;
  if (octets.size() != guid.size()) return std::nullopt;
  std::copy(octets.begin(), octets.end(), guid.begin());
  return guid;
}

// GuidOctets is the inverse of ParseGuid.
inline std::string GuidOctets(const Guid& guid) { return std::string(guid.begin(), guid.end()); }

}  // namespace ddskey

#endif  // PROTO_CONTRACT_GUID_H_
