#include "plugin_shim/pkcs11/sign_operation.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ddskey/v1/signing.pb.h"
#include "plugin_shim/pkcs11/cryptoki.h"
#include "plugin_shim/pkcs11/object.h"

namespace ddskey {
namespace {

std::shared_ptr<const SigningIdentity> Signer(std::vector<v1::SigningScheme> schemes) {
  return std::make_shared<const SigningIdentity>(
      SigningIdentity{"talker", std::string(32, 'k'), std::move(schemes), 256});
}

const auto kEc = Signer({v1::ECDSA});
const auto kRsa = Signer({v1::RSASSA_PSS});
const auto kRsaWithPkcs1 = Signer({v1::RSASSA_PSS, v1::RSASSA_PKCS1});
CK_RSA_PKCS_PSS_PARAMS pss256 = {CKM_SHA256, CKG_MGF1_SHA256, 32};
CK_RSA_PKCS_PSS_PARAMS pss384 = {CKM_SHA384, CKG_MGF1_SHA384, 48};

CK_RV Begin(CK_MECHANISM_TYPE type, const std::shared_ptr<const SigningIdentity>& signer,
            CK_RSA_PKCS_PSS_PARAMS* parameters = nullptr) {
  std::optional<SignOperation> operation;
  return SignOperation::Begin({type, parameters, parameters == nullptr ? 0 : sizeof(*parameters)}, signer, operation);
}

// Digest is what the daemon is asked to sign for `data`, or the error.
struct Outcome {
  CK_RV error = CKR_OK;
  std::string digest;
  bool operator==(const Outcome&) const = default;
};
Outcome Digest(CK_MECHANISM_TYPE type, const std::shared_ptr<const SigningIdentity>& signer, const std::string& data,
               CK_RSA_PKCS_PSS_PARAMS* parameters = nullptr) {
  std::optional<SignOperation> operation;
  Outcome outcome;
  outcome.error =
      SignOperation::Begin({type, parameters, parameters == nullptr ? 0 : sizeof(*parameters)}, signer, operation);
  // In two parts.
  const std::string_view view = data;
  if (outcome.error == CKR_OK) outcome.error = operation->Update(view.substr(0, view.size() / 2));
  if (outcome.error == CKR_OK) outcome.error = operation->Update(view.substr(view.size() / 2));
  v1::SignDigestRequest request;
  if (outcome.error == CKR_OK) outcome.error = operation->Finish(request);
  outcome.digest = request.digest();
  return outcome;
}

TEST(SignOperationTest, MechanismKeyAndParametersMustFit) {
  EXPECT_EQ(Begin(CKM_ECDSA, kEc), CKR_OK);
  EXPECT_EQ(Begin(CKM_ECDSA, kRsa), CKR_KEY_TYPE_INCONSISTENT);
  EXPECT_EQ(Begin(CKM_RSA_PKCS_PSS, kEc, &pss256), CKR_KEY_TYPE_INCONSISTENT);
  EXPECT_EQ(Begin(CKM_RSA_PKCS_PSS, kRsa, &pss256), CKR_OK);
  EXPECT_EQ(Begin(CKM_RSA_PKCS_PSS, kRsa), CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(Begin(CKM_SHA256_RSA_PKCS_PSS, kRsa, &pss384), CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(Begin(CKM_ECDSA, kEc, &pss256), CKR_MECHANISM_PARAM_INVALID);
  CK_RSA_PKCS_PSS_PARAMS salt = {CKM_SHA256, CKG_MGF1_SHA256, 20};
  EXPECT_EQ(Begin(CKM_RSA_PKCS_PSS, kRsa, &salt), CKR_MECHANISM_PARAM_INVALID);
  CK_RSA_PKCS_PSS_PARAMS mixed = {CKM_SHA256, CKG_MGF1_SHA384, 32};
  EXPECT_EQ(Begin(CKM_RSA_PKCS_PSS, kRsa, &mixed), CKR_MECHANISM_PARAM_INVALID);
  CK_RSA_PKCS_PSS_PARAMS sha1 = {CKM_SHA_1, CKG_MGF1_SHA1, 20};
  EXPECT_EQ(Begin(CKM_RSA_PKCS_PSS, kRsa, &sha1), CKR_MECHANISM_PARAM_INVALID);
}

TEST(SignOperationTest, S1SignsWithPkcs1OnlyWhereItIsGranted) {
  EXPECT_EQ(Begin(CKM_RSA_PKCS, kRsa), CKR_KEY_FUNCTION_NOT_PERMITTED);
  EXPECT_EQ(Begin(CKM_SHA256_RSA_PKCS, kRsa), CKR_KEY_FUNCTION_NOT_PERMITTED);
  EXPECT_EQ(Begin(CKM_RSA_PKCS, kRsaWithPkcs1), CKR_OK);
}

TEST(SignOperationTest, S1SignsNothingButDigestsOf32Or48Octets) {
  for (const size_t size : {0, 20, 31, 33, 47, 64, 100, 5000}) {
    EXPECT_EQ(Digest(CKM_ECDSA, kEc, std::string(size, 'd')).error, CKR_DATA_LEN_RANGE) << size;
  }
  for (const size_t size : {32, 48}) {
    EXPECT_EQ(Digest(CKM_ECDSA, kEc, std::string(size, 'd')), (Outcome{CKR_OK, std::string(size, 'd')}));
  }
  EXPECT_EQ(Digest(CKM_RSA_PKCS_PSS, kRsa, std::string(48, 'd'), &pss256).error, CKR_DATA_LEN_RANGE);
  EXPECT_EQ(Digest(CKM_RSA_PKCS_PSS, kRsa, std::string(48, 'd'), &pss384).digest, std::string(48, 'd'));
}

TEST(SignOperationTest, S1Pkcs1NeedsTheDigestInfoOfAGoodHash) {
  const std::string sha256("\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20", 19);
  const std::string sha1("\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14", 15);
  const std::string digest(32, 'd');
  EXPECT_EQ(Digest(CKM_RSA_PKCS, kRsaWithPkcs1, sha256 + digest), (Outcome{CKR_OK, digest}));
  EXPECT_EQ(Digest(CKM_RSA_PKCS, kRsaWithPkcs1, digest).error, CKR_DATA_INVALID) << "raw RSA";
  EXPECT_EQ(Digest(CKM_RSA_PKCS, kRsaWithPkcs1, sha1 + std::string(20, 'd')).error, CKR_DATA_INVALID);
  EXPECT_EQ(Digest(CKM_RSA_PKCS, kRsaWithPkcs1, sha256 + digest + "x").error, CKR_DATA_INVALID);
  EXPECT_EQ(Digest(CKM_RSA_PKCS, kRsaWithPkcs1, sha256 + digest + std::string(80, 'x')).error, CKR_DATA_LEN_RANGE);
}

// FIPS 180-4's example "abc".
TEST(SignOperationTest, HashesWhatIsToBeHashed) {
  const auto hex = [](const std::string& octets) {
    std::string text;
    for (const unsigned char octet : octets) {
      text += "0123456789abcdef"[octet >> 4];
      text += "0123456789abcdef"[octet & 15];
    }
    return text;
  };
  EXPECT_EQ(hex(Digest(CKM_ECDSA_SHA256, kEc, "abc").digest),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(Digest(CKM_ECDSA_SHA384, kEc, "abc").digest),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
}

}  // namespace
}  // namespace ddskey
