#ifndef DAEMON_HANDSHAKE_TEST_SECRETS_H_
#define DAEMON_HANDSHAKE_TEST_SECRETS_H_

#include <string_view>

#include "proto/contract/secret_bytes.h"

namespace ddskey::test {

// For tests outside of this folder, which may not look into secrets.

// MakeSecret is a secret with this content, 1 octet at least.
SecretBytes MakeSecret(std::string_view octets);

// SameSecret compares two of them.
bool SameSecret(const SecretBytes& a, const SecretBytes& b);

}  // namespace ddskey::test

#endif  // DAEMON_HANDSHAKE_TEST_SECRETS_H_
