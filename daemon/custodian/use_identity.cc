#include "daemon/custodian/use_identity.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "proto/contract/key_name.h"

namespace ddskey {

absl::Status NotPermitted() {
  return absl::PermissionDeniedError(
      "there is no such key, or policy does not let this process use it; the daemon's log says which");
}

absl::StatusOr<std::shared_ptr<const Identity>> FindPermitted(const Authorizer& authorizer, const KeyStore& keys,
                                                              const Subject& caller, Action action,
                                                              const std::string& key_name, KeyPurpose purpose,
                                                              Trail& trail) {
  const Decision decision = authorizer.policy()->Evaluate(caller, action, key_name);
  trail.Rule(decision.rule);
  // The log is told the reason; the caller always reads the same.
  const auto refuse = [&trail](std::string_view reason) {
    trail.Reason(reason);
    return NotPermitted();
  };
  if (!decision.allowed) return refuse(decision.reason);
  const auto name = KeyName::Parse(key_name);
  if (!name.has_value()) return refuse("this is not a key name");
  const auto identity = keys.Find(*name);
  if (!identity.ok() || (*identity)->deleted) return refuse("there is no such key");
  if ((*identity)->disabled) return refuse("the key is disabled");
  if ((*identity)->current().purpose != purpose) {
    return refuse(absl::StrCat("the key was not made for the purpose ", std::string(PurposeName(purpose))));
  }
  return *identity;
}

absl::Status StillServed(const KeyStore& keys, const Identity& identity, Trail& trail) {
  const auto now = keys.Find(identity.name);
  if (now.ok() && (*now)->uuid == identity.uuid && !(*now)->deleted && !(*now)->disabled) return absl::OkStatus();
  trail.Reason("the key was taken out of use meanwhile");
  return NotPermitted();
}

}  // namespace ddskey
