#ifndef DAEMON_HANDSHAKE_ECDH_P256_H_
#define DAEMON_HANDSHAKE_ECDH_P256_H_

#include "daemon/handshake/key_agreement.h"

namespace ddskey {

// EcdhP256 is "ECDH+prime256v1-CEUM": public values are uncompressed points of P-256, 65 octets.
class EcdhP256 final : public KeyAgreement {
 public:
  static constexpr std::string_view kName = "ECDH+prime256v1-CEUM";

  std::string_view name() const override { return kName; }
  absl::StatusOr<EphemeralKey> Generate() const override;
  absl::StatusOr<EphemeralKey> GenerateAnswer(std::string_view property, std::string_view public_value) const override;
  absl::StatusOr<SecretBytes> Derive(const SecretBytes& private_value, std::string_view own_public_value,
                                     std::string_view property, std::string_view public_value) const override;
  bool Same(std::string_view a, std::string_view b) const override;
};

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_ECDH_P256_H_
