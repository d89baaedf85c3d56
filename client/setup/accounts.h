#ifndef CLIENT_SETUP_ACCOUNTS_H_
#define CLIENT_SETUP_ACCOUNTS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace ddskey::setup {

// Account is a user of this host.
struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  // Empty if the number has no account.
  std::string name;
};

// AccountNamed finds a user by name or number. A number without an account is one, too, of the group of the same
// number; nothing for a name that is none.
std::optional<Account> AccountNamed(const std::string& text);

// GroupNamed is the number of a group.
std::optional<gid_t> GroupNamed(const std::string& name);

}  // namespace ddskey::setup

#endif  // CLIENT_SETUP_ACCOUNTS_H_
