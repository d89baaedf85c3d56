#ifndef TEST_SUPPORT_FORGED_TPM_H_
#define TEST_SUPPORT_FORGED_TPM_H_

#include <tss2/tss2_tpm2_types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ddskey/v1/attestation.pb.h"
#include "test/support/pki.h"

namespace ddskey::test {

// ForgedTpm makes attestations as a TPM does, but in software: for tests of what verifies them, and as the forger whom
// they must withstand. Its endorsement key has a certificate of a manufacturer whose CA is here, too.
class ForgedTpm {
 public:
  // Draft is what an attestation says, to be altered before it is signed.
  struct Draft {
    std::string identity = "talker";
    std::string nonce = std::string(32, 'n');
    // DER.
    std::string csr;
    std::vector<std::string> ek_certificates;
    TPMT_PUBLIC ek = {};
    TPMT_PUBLIC ak = {};
    TPMT_PUBLIC key = {};
    std::map<uint32_t, std::string> pcrs;
    // Alters what is signed, after it was filled in.
    std::function<void(TPMS_ATTEST&)> alter_certify = [](TPMS_ATTEST&) {};
    std::function<void(TPMS_ATTEST&)> alter_quote = [](TPMS_ATTEST&) {};
  };

  // `endorsement` is kRsa2048 or kEcP256.
  explicit ForgedTpm(TestKeyType endorsement = TestKeyType::kRsa2048);

  // roots is the manufacturer's CA, PEM; manufacturer the CA itself.
  const std::string& roots() const { return manufacturer_.certificate(); }
  const TestCa& manufacturer() const { return manufacturer_; }
  const TestKey& endorsement() const { return endorsement_; }
  const TestKey& attestation() const { return attestation_; }
  const TestKey& key() const { return key_; }

  // Good is an attestation of a key that was made in the TPM, for /O=Lab/CN=talker.
  Draft Good() const;

  // Certificate is one for the endorsement key (DER), with these extensions.
  std::string Certificate(const CertificateOptions& options) const;
  static CertificateOptions EkOptions(TestKeyType type);

  // Sign makes the bundle.
  v1::AttestationBundle Sign(const Draft& draft) const;

  // Activate does what TPM2_ActivateCredential does while an object of the Name `loaded` is there.
  std::optional<std::string> Activate(const std::string& credential, const std::string& encrypted_seed,
                                      const std::string& loaded) const;

  // Request is a certification request (DER) for /O=Lab/CN=`name`.
  static std::string Request(const TestKey& key, const std::string& name);
  // AreaOf is the public area of an EC key on P-256 or RSA-2048, without attributes.
  static TPMT_PUBLIC AreaOf(const TestKey& key);

 private:
  const TestKeyType type_;
  const TestCa manufacturer_ = TestCa::Root("TPM manufacturer");
  const TestKey endorsement_;
  const TestKey attestation_ = TestKey::Generate();
  const TestKey key_ = TestKey::Generate();
};

// DerOf is what the PEM certificate `pem` holds.
std::string DerOf(const std::string& pem);

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_FORGED_TPM_H_
