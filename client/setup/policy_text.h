#ifndef CLIENT_SETUP_POLICY_TEXT_H_
#define CLIENT_SETUP_POLICY_TEXT_H_

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "policy/action.h"

namespace ddskey::setup {

// Right is what a policy is to allow: that processes of a user do something with a key.
struct Right {
  std::string identity;
  uid_t uid = 0;
  // The account's name; empty if there is none.
  std::string user;
  Action action = Action::kHandshake;
};

// ExtendedPolicy is a policy file that allows what is asked for.
struct ExtendedPolicy {
  // The whole new text. It begins with the old one, unchanged.
  std::string text;
  // The rules that it has more, empty if none is missing.
  std::string added;
  // All its rules.
  size_t rule_count = 0;
};

// ExtendPolicy adds to `text`, which may be empty, the rules that are missing: that root administers, and one for each
// of `rights`. The names of the rules are those of the identities, made unique. INVALID_ARGUMENT if `text` has
// mistakes; FAILED_PRECONDITION if a rule of it denies a right, which none that is added can change; `file` names it.
absl::StatusOr<ExtendedPolicy> ExtendPolicy(std::string_view text, const std::string& file,
                                            const std::vector<Right>& rights);

}  // namespace ddskey::setup

#endif  // CLIENT_SETUP_POLICY_TEXT_H_
