#ifndef PROTO_CONTRACT_VERSION_H_
#define PROTO_CONTRACT_VERSION_H_

#include <string_view>

namespace ddskey {

// kVersion is the version of what is built from this tree (semver.org).
inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace ddskey

#endif  // PROTO_CONTRACT_VERSION_H_
