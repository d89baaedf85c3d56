#include "daemon/handshake/key_agreements.h"

#include "daemon/handshake/ecdh_p256.h"
#include "daemon/handshake/modp_2048.h"

namespace ddskey {
namespace {

const EcdhP256 kEcdhP256;
const Modp2048 kModp2048;

}  // namespace

const KeyAgreement& ProposedKeyAgreement(KeyAgreementChoice choice) {
  if (choice == KeyAgreementChoice::kDh || choice == KeyAgreementChoice::kDhOnly) return kModp2048;
  return kEcdhP256;
}

const KeyAgreement* FindKeyAgreement(std::string_view name) {
  if (name == kEcdhP256.name()) return &kEcdhP256;
  if (name == kModp2048.name()) return &kModp2048;
  return nullptr;
}

bool Permits(KeyAgreementChoice choice, const KeyAgreement& agreement) {
  const bool is_only = choice == KeyAgreementChoice::kDhOnly || choice == KeyAgreementChoice::kEcdhOnly;
  return !is_only || agreement.name() == ProposedKeyAgreement(choice).name();
}

}  // namespace ddskey
