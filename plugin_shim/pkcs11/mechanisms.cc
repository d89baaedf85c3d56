#include "plugin_shim/pkcs11/mechanisms.h"

namespace ddskey {
namespace {

constexpr Mechanism kMechanisms[] = {
    {CKM_ECDSA, v1::ECDSA, Hash::kNone, 256, 384},
    {CKM_ECDSA_SHA256, v1::ECDSA, Hash::kSha256, 256, 384},
    {CKM_ECDSA_SHA384, v1::ECDSA, Hash::kSha384, 256, 384},
    {CKM_RSA_PKCS_PSS, v1::RSASSA_PSS, Hash::kNone, 2048, 3072},
    {CKM_SHA256_RSA_PKCS_PSS, v1::RSASSA_PSS, Hash::kSha256, 2048, 3072},
    {CKM_SHA384_RSA_PKCS_PSS, v1::RSASSA_PSS, Hash::kSha384, 2048, 3072},
    {CKM_RSA_PKCS, v1::RSASSA_PKCS1, Hash::kNone, 2048, 3072},
    {CKM_SHA256_RSA_PKCS, v1::RSASSA_PKCS1, Hash::kSha256, 2048, 3072},
    {CKM_SHA384_RSA_PKCS, v1::RSASSA_PKCS1, Hash::kSha384, 2048, 3072},
};

}  // namespace

std::span<const Mechanism> Mechanisms() { return kMechanisms; }

const Mechanism* FindMechanism(CK_MECHANISM_TYPE type) {
  for (const Mechanism& mechanism : kMechanisms) {
    if (mechanism.type == type) return &mechanism;
  }
  return nullptr;
}

}  // namespace ddskey
