#ifndef DAEMON_HANDSHAKE_MODP_2048_H_
#define DAEMON_HANDSHAKE_MODP_2048_H_

#include "daemon/handshake/key_agreement.h"

namespace ddskey {

// Modp2048 is "DH+MODP-2048-256": the group of 2048 bits with a subgroup of 256 bits (RFC 5114 2.3). Public values come
// in two forms: the big-endian octets of the number, as DDS Security 1.2, Fast DDS and OpenDDS have it, or an ASN.1
// INTEGER, as Cyclone DDS has it. Both are read; a replier answers in the initiator's form, an initiator sends octets.
class Modp2048 final : public KeyAgreement {
 public:
  static constexpr std::string_view kName = "DH+MODP-2048-256";

  std::string_view name() const override { return kName; }
  absl::StatusOr<EphemeralKey> Generate() const override;
  absl::StatusOr<EphemeralKey> GenerateAnswer(std::string_view property, std::string_view public_value) const override;
  absl::StatusOr<SecretBytes> Derive(const SecretBytes& private_value, std::string_view own_public_value,
                                     std::string_view property, std::string_view public_value) const override;
  bool Same(std::string_view a, std::string_view b) const override;
};

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_MODP_2048_H_
