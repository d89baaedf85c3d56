#ifndef PROTO_CONTRACT_VERSION_H_
#define PROTO_CONTRACT_VERSION_H_

#include <string_view>

namespace ddskey {

// kVersion is the version of what is built from this tree (semver.org).
inline constexpr std::string_view kVersion = "0.1.0";

// kReleased is a time before which nobody had this version, in seconds since 1970: 2025-01-01. It is set by hand with
// the version, so that the same sources always give the same program. A clock that says less is not set.
inline constexpr long long kReleased = 1'735'689'600;

}  // namespace ddskey

#endif  // PROTO_CONTRACT_VERSION_H_
