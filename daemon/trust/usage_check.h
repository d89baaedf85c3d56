#ifndef DAEMON_TRUST_USAGE_CHECK_H_
#define DAEMON_TRUST_USAGE_CHECK_H_

#include <openssl/types.h>

#include <optional>
#include <string>

namespace ddskey::trust {

// What a certificate is for, where it says so: one without these extensions may be used for everything (RFC 5280,
// 4.2.1.3 and 4.2.1.12). Each returns the check that failed and why, or nothing.

// CheckParticipantUsage: who authenticates in a handshake signs, as client and as server of a connection: keyUsage has
// digitalSignature, extendedKeyUsage has clientAuth, serverAuth or anyExtendedKeyUsage.
std::optional<std::string> CheckParticipantUsage(X509* leaf);

// CheckAuthorityUsage: an intermediate CA has a keyUsage (it must, RFC 5280, 4.2.1.3; that it then has keyCertSign is
// part of the path's own rules), and an extendedKeyUsage of it admits the purposes above.
std::optional<std::string> CheckAuthorityUsage(X509* authority);

}  // namespace ddskey::trust

#endif  // DAEMON_TRUST_USAGE_CHECK_H_
