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

// KeyAgreement is a way for two sides to agree on a secret (DDS Security 9.3.2.3.2). Implementations have no state and
// are thread-safe.
class KeyAgreement {
 public:
  virtual ~KeyAgreement() = default;

  // name is the value of c.kagree_algo, without NUL.
  virtual std::string_view name() const = 0;

  // Generate makes the ephemeral key of an initiator.
  virtual absl::StatusOr<EphemeralKey> Generate() const = 0;

  // GenerateAnswer makes the ephemeral key of a replier, whose public value is in the form that the initiator used. It
  // refuses, as "[`property`]", a public value of the initiator that is not an element of the group (S-5).
  virtual absl::StatusOr<EphemeralKey> GenerateAnswer(std::string_view property,
                                                      std::string_view public_value) const = 0;

  // Derive returns SHA-256 of the agreed secret, 32 octets. It refuses, as "[`property`]", a public value of the peer
  // that is not an element of the group (S-5).
  virtual absl::StatusOr<SecretBytes> Derive(const SecretBytes& private_value, std::string_view own_public_value,
                                             std::string_view property, std::string_view public_value) const = 0;

  // Same tells whether two public values are the same element of the group, in whichever forms.
  virtual bool Same(std::string_view a, std::string_view b) const = 0;
};

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_KEY_AGREEMENT_H_
