#ifndef CLIENT_SERVER_IDENTITY_H_
#define CLIENT_SERVER_IDENTITY_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace ddskey {

// TrustedServerUids lists the users as which a daemon may have opened its socket (S-10): root, the user `ddskeyd` if
// /etc/passwd knows it, and this process's own effective user, who could do to this process whatever a daemon could.
// Owning the folder of the socket gives no trust. The account is read from the file and not through NSS, whose modules
// and locks have no business in a stranger's process.
std::vector<uid_t> TrustedServerUids(const std::string& passwd_file = "/etc/passwd");

}  // namespace ddskey

#endif  // CLIENT_SERVER_IDENTITY_H_
