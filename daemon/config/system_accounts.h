#ifndef DAEMON_CONFIG_SYSTEM_ACCOUNTS_H_
#define DAEMON_CONFIG_SYSTEM_ACCOUNTS_H_

#include "policy/policy.h"

namespace ddskey {

// SystemAccounts resolves the names in a policy by the accounts of this host (getpwnam, getgrnam). A lookup may ask the
// network, so policies are parsed off the threads of callers.
Accounts SystemAccounts();

}  // namespace ddskey

#endif  // DAEMON_CONFIG_SYSTEM_ACCOUNTS_H_
