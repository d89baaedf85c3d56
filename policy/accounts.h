#ifndef POLICY_ACCOUNTS_H_
#define POLICY_ACCOUNTS_H_

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

namespace ddskey {

// Accounts resolves names of users and groups while a policy is parsed.
struct Accounts {
  std::function<std::optional<uid_t>(const std::string&)> uid_of;
  std::function<std::optional<gid_t>(const std::string&)> gid_of;
};

}  // namespace ddskey

#endif  // POLICY_ACCOUNTS_H_
