#ifndef DAEMON_SERVICE_HARDENING_H_
#define DAEMON_SERVICE_HARDENING_H_

#include "absl/status/status.h"

namespace ddskey {

// HardenProcess makes the process safe to hold secrets, before it reads its configuration and before it has threads:
// no core dumps, not dumpable (so nobody of the same user can trace it or read its memory), no new privileges through
// programs it starts, files for its owner only, SIGPIPE ignored, stdin, stdout and stderr open (stdin on /dev/null).
// It raises the soft limits of locked memory and open files to the hard ones. INTERNAL says what the kernel refused;
// the daemon must not go on then.
absl::Status HardenProcess();

}  // namespace ddskey

#endif  // DAEMON_SERVICE_HARDENING_H_
