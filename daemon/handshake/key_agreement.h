#ifndef DAEMON_HANDSHAKE_KEY_AGREEMENT_H_
#define DAEMON_HANDSHAKE_KEY_AGREEMENT_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey {

// EphemeralKey is one side's half of a key agreement: used for one handshake, and kept in its ticket between the steps.
struct EphemeralKey {
  // The private value as Derive takes it.
  SecretBytes private_value;
  // The public value as it travels in dh1 or dh2.
  std::string public_value;
};

// KeyAgreement is ECDH on P-256, "ECDH+prime256v1-CEUM" (DDS Security 9.3.2.3.2). Its functions are thread-safe.
class KeyAgreement {
 public:
  // name is the value of c.kagree_algo.
  static std::string_view name();

  // Generate makes an ephemeral key.
  static absl::StatusOr<EphemeralKey> Generate();

  // CheckPublicValue refuses, as "[`property`]", a public value that is not an uncompressed point of the curve.
  static absl::Status CheckPublicValue(std::string_view property, std::string_view public_value);

  // Derive returns SHA-256 of the agreed secret, 32 octets. The public value is checked again.
  static absl::StatusOr<SecretBytes> Derive(const SecretBytes& private_value, std::string_view own_public_value,
                                            std::string_view property, std::string_view public_value);
};

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_KEY_AGREEMENT_H_
