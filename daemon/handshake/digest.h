#ifndef DAEMON_HANDSHAKE_DIGEST_H_
#define DAEMON_HANDSHAKE_DIGEST_H_

#include <string>
#include <string_view>

namespace ddskey {

// Sha256 returns the 32 octets of SHA-256 (FIPS 180-4).
std::string Sha256(std::string_view octets);

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_DIGEST_H_
