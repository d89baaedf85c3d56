#include "daemon/handshake/test_secrets.h"

#include <algorithm>
#include <utility>

#include "proto/contract/secret_access.h"

namespace ddskey::test {

SecretBytes MakeSecret(std::string_view octets) {
  SecretBytes secret = *SecretBytes::Allocate(octets.size());
  std::ranges::copy(octets, secret.Reveal(SecretAccess()).begin());
  return secret;
}

bool SameSecret(const SecretBytes& a, const SecretBytes& b) {
  return ConstantTimeEquals(a.Reveal(SecretAccess()), b.Reveal(SecretAccess()));
}

}  // namespace ddskey::test
