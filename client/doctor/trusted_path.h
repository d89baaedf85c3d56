#ifndef CLIENT_DOCTOR_TRUSTED_PATH_H_
#define CLIENT_DOCTOR_TRUSTED_PATH_H_

#include <sys/types.h>

#include <string>
#include <string_view>

#include "client/doctor/finding.h"
#include "client/doctor/host.h"

namespace ddskey::doctor {

// CheckTrustedPath looks whether a file that decides what the daemon does can be changed or replaced by others than
// root and `daemon` (S-14): by its owner and mode, and those of every folder and link on the way to it. The findings
// have `check` with ".owner" or ".mode" behind it. Returns whether it found nothing wrong; what does not exist is not
// wrong.
bool CheckTrustedPath(const Host& host, const std::string& path, uid_t daemon, std::string_view check,
                      Findings& findings);

// DaemonUser is the user that the daemon runs as when it is installed, root if there is no such account.
uid_t DaemonUser(const Host& host);

// Octal writes a mode as chmod takes it: "0640".
std::string Octal(mode_t mode);

}  // namespace ddskey::doctor

#endif  // CLIENT_DOCTOR_TRUSTED_PATH_H_
