#include "daemon/backend/tpm2/tss2_key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/backend/tpm2/templates.h"
#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;

Tss2KeyFile Example(bool empty_auth = true, TPM2_HANDLE parent = 0x81000001) {
  Tss2KeyFile key;
  key.empty_auth = empty_auth;
  key.parent = parent;
  key.public_area = KeyTemplate(KeyAlgorithm::kEcP256, KeyPurpose::kHandshake);
  key.public_area.publicArea.authPolicy.size = 0;
  key.public_area.publicArea.unique.ecc.x.size = 32;
  key.public_area.publicArea.unique.ecc.y.size = 32;
  key.private_area.size = 126;
  return key;
}

TEST(Tss2KeyFileTest, ReadsWhatItWrote) {
  for (const bool empty_auth : {false, true}) {
    for (const TPM2_HANDLE parent : {TPM2_HANDLE{TPM2_RH_OWNER}, TPM2_HANDLE{0x81000001}, TPM2_HANDLE{0x81ffffff}}) {
      ASSERT_OK_AND_ASSIGN(const std::string der, FormatTss2KeyFile(Example(empty_auth, parent)));
      ASSERT_OK_AND_ASSIGN(const Tss2KeyFile key, ParseTss2KeyFile(der));
      EXPECT_EQ(key.empty_auth, empty_auth);
      EXPECT_EQ(key.parent, parent);
      EXPECT_EQ(key.private_area.size, 126);
      EXPECT_EQ(*FormatTss2KeyFile(key), der);
    }
  }
}

TEST(Tss2KeyFileTest, RefusesEveryOtherLength) {
  ASSERT_OK_AND_ASSIGN(const std::string der, FormatTss2KeyFile(Example()));
  for (size_t size = 0; size < der.size(); ++size) {
    ASSERT_THAT(ParseTss2KeyFile(der.substr(0, size)), StatusIs(absl::StatusCode::kInvalidArgument)) << size;
  }
  EXPECT_THAT(ParseTss2KeyFile(der + "x"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseTss2KeyFile(std::string(5000, '0')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("4 KiB")));
}

TEST(Tss2KeyFileTest, S12TakesNoOtherParentAndNoOtherKindOfKey) {
  for (const TPM2_HANDLE parent : {TPM2_HANDLE{TPM2_RH_ENDORSEMENT}, TPM2_HANDLE{TPM2_RH_NULL}, TPM2_HANDLE{0},
                                   TPM2_HANDLE{0x80000000}, TPM2_HANDLE{0x01800001}}) {
    ASSERT_OK_AND_ASSIGN(const std::string der, FormatTss2KeyFile(Example(true, parent)));
    EXPECT_THAT(ParseTss2KeyFile(der), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("parent")));
  }
  ASSERT_OK_AND_ASSIGN(std::string der, FormatTss2KeyFile(Example()));
  // id-importablekey, 2.23.133.10.1.4.
  der[der.find(std::string("\x0a\x01\x03", 3)) + 2] = 4;
  EXPECT_THAT(ParseTss2KeyFile(der), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("loadable")));
}

TEST(Tss2KeyFileTest, S12RefusesPolicies) {
  ASSERT_OK_AND_ASSIGN(std::string der, FormatTss2KeyFile(Example(false)));
  const std::string type("\x06\x06\x67\x81\x05\x0a\x01\x03", 8);
  const size_t end = der.find(type) + type.size();
  der.insert(end, std::string("\xa1\x02\x30\x00", 4));
  // The length of the sequence has one octet after 0x81, or two after 0x82.
  ASSERT_EQ(static_cast<unsigned char>(der[1]), 0x81);
  der[2] = static_cast<char>(der[2] + 4);
  EXPECT_THAT(ParseTss2KeyFile(der), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("policy")));
}

struct Attribute {
  TPMA_OBJECT set;
  TPMA_OBJECT clear;
  std::string reason;
};

TEST(Tss2KeyFileTest, S12RefusesKeysThatMayNotBeOurs) {
  EXPECT_OK(CheckTss2PublicArea(Example().public_area));
  const Attribute kAttributes[] = {
      {0, TPMA_OBJECT_SIGN_ENCRYPT, "does not sign"}, {TPMA_OBJECT_RESTRICTED, 0, "restricted"},
      {0, TPMA_OBJECT_FIXEDTPM, "may leave"},         {0, TPMA_OBJECT_FIXEDPARENT, "may leave"},
      {0, TPMA_OBJECT_USERWITHAUTH, "policy"},        {0, TPMA_OBJECT_SENSITIVEDATAORIGIN, "not made in"},
  };
  for (const Attribute& attribute : kAttributes) {
    Tss2KeyFile key = Example();
    TPMA_OBJECT& attributes = key.public_area.publicArea.objectAttributes;
    attributes = (attributes | attribute.set) & ~attribute.clear;
    EXPECT_THAT(CheckTss2PublicArea(key.public_area),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(attribute.reason)));
  }
  Tss2KeyFile key = Example();
  key.public_area.publicArea.nameAlg = TPM2_ALG_SHA384;
  EXPECT_FALSE(CheckTss2PublicArea(key.public_area).ok());
  // S-1: the digest there is the purpose of a key of ours, which no record of another purpose may get around.
  key.public_area = KeyTemplate(KeyAlgorithm::kEcP256, KeyPurpose::kDigest);
  EXPECT_THAT(CheckTss2PublicArea(key.public_area),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("with a policy")));
  key = Example();
  key.public_area.publicArea.parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
  EXPECT_FALSE(CheckTss2PublicArea(key.public_area).ok());
  key = Example();
  key.public_area.publicArea.parameters.eccDetail.curveID = TPM2_ECC_NIST_P521;
  EXPECT_FALSE(CheckTss2PublicArea(key.public_area).ok());
  key.public_area = KeyTemplate(KeyAlgorithm::kRsa2048, KeyPurpose::kDigest);
  key.public_area.publicArea.authPolicy.size = 0;
  EXPECT_OK(CheckTss2PublicArea(key.public_area));
  key.public_area.publicArea.parameters.rsaDetail.exponent = 3;
  EXPECT_FALSE(CheckTss2PublicArea(key.public_area).ok());
}

}  // namespace
}  // namespace ddskey::tpm
