#ifndef DAEMON_HANDSHAKE_DIGEST_H_
#define DAEMON_HANDSHAKE_DIGEST_H_

#include <string>
#include <string_view>

namespace ddskey {

// Sha256 returns the 32 octets of SHA-256 (FIPS 180-4).
std::string Sha256(std::string_view octets);

// PermissionsDigest is what a pinned permissions document is recognised by: SHA-256 over the octets of c.perm without
// NULs at their end, which some implementations send and others do not.
std::string PermissionsDigest(std::string_view document);

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_DIGEST_H_
