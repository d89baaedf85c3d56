#ifndef PROTO_CONTRACT_AUTH_KIND_H_
#define PROTO_CONTRACT_AUTH_KIND_H_

#include <optional>
#include <string_view>

namespace ddskey {

// AuthKind is what an authorisation value of a device is for.
enum class AuthKind {
  // The owner hierarchy, under which the storage root key is derived.
  kOwner,
  // The storage root key at 0x81000001.
  kParent,
  // What the values of keys are derived from.
  kKeys,
  // A PKCS#11 token: its user's PIN. The others are a TPM's.
  kPin,
};

// AuthKindName is "owner", "parent", "keys" or "pin".
constexpr std::string_view AuthKindName(AuthKind kind) {
  switch (kind) {
    case AuthKind::kOwner:
      return "owner";
    case AuthKind::kParent:
      return "parent";
    case AuthKind::kKeys:
      return "keys";
    case AuthKind::kPin:
      return "pin";
  }
  return "unknown";
}

// ParseAuthKind reads such a name.
constexpr std::optional<AuthKind> ParseAuthKind(std::string_view name) {
  for (const AuthKind kind : {AuthKind::kOwner, AuthKind::kParent, AuthKind::kKeys, AuthKind::kPin}) {
    if (name == AuthKindName(kind)) return kind;
  }
  return std::nullopt;
}

}  // namespace ddskey

#endif  // PROTO_CONTRACT_AUTH_KIND_H_
