#ifndef CLIENT_CLI_POLICY_ADVICE_H_
#define CLIENT_CLI_POLICY_ADVICE_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "client/admin_client.h"
#include "policy/action.h"

namespace ddskey::cli {

// PolicyAdvice is what the policy says of a user and a key.
struct PolicyAdvice {
  // The rule that is needed, in the text format of policy.proto.
  std::string rule;
  // Whether the policy that is in force allows it already: "yes", "no", or "unknown" if we may not read it.
  std::string allows = "unknown";
  // Empty if the daemon has none, or does not say.
  std::string policy_file;
};

// AdviseOn asks the daemon which policy is in force and reads it with the caller's rights.
PolicyAdvice AdviseOn(AdminClient& admin, uid_t user, Action action, const std::string& key);

// UserNamed is the user of a name or number, or nothing.
std::optional<uid_t> UserNamed(const std::string& text);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_POLICY_ADVICE_H_
