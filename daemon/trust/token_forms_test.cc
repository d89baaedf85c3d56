#include "daemon/trust/token_forms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "test/support/pki.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using test::IsOk;
using test::StatusIs;
using test::TestKey;
using test::TestKeyType;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(TokenFormsTest, ShowsCurveAndPointOfAnEcKey) {
  const std::string spki = TestKey::Generate().public_key();
  ASSERT_OK_AND_ASSIGN(const PublicKeyParts parts, SplitPublicKey(spki));
  EXPECT_EQ(parts.ec_params, std::string("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10));
  EXPECT_THAT(parts.ec_point, SizeIs(67));
  EXPECT_THAT(parts.ec_point, StartsWith("\x04\x41\x04"));
  EXPECT_TRUE(spki.ends_with(parts.ec_point.substr(2)));
  EXPECT_THAT(parts.modulus, IsEmpty());
}

TEST(TokenFormsTest, ShowsModulusAndExponentOfAnRsaKey) {
  ASSERT_OK_AND_ASSIGN(const PublicKeyParts parts,
                       SplitPublicKey(TestKey::Generate(TestKeyType::kRsa2048).public_key()));
  EXPECT_THAT(parts.modulus, SizeIs(256));
  EXPECT_NE(parts.modulus[0], '\0');
  EXPECT_EQ(parts.public_exponent, std::string("\x01\x00\x01", 3));
  EXPECT_THAT(parts.ec_params, IsEmpty());
}

TEST(TokenFormsTest, TakesNothingElseForAPublicKey) {
  EXPECT_THAT(SplitPublicKey(""), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(SplitPublicKey(TestKey::Generate().public_key() + "x"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(SplitPublicKey(TestKey::Generate(TestKeyType::kEd25519).public_key()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(TokenFormsTest, PadsBothHalvesOfASignature) {
  // r = 1, s = 0x80.
  const std::string der("\x30\x07\x02\x01\x01\x02\x02\x00\x80", 9);
  ASSERT_OK_AND_ASSIGN(const std::string raw, RawEcdsa(der, 4));
  EXPECT_EQ(raw, std::string("\x00\x00\x00\x01\x00\x00\x00\x80", 8));
  EXPECT_THAT(RawEcdsa(std::string("\x30\x08\x02\x03\x01\x01\x01\x02\x01\x01", 10), 2),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(RawEcdsa("signature", 4), Not(IsOk()));
}

TEST(TokenFormsTest, ShowsTheFieldsOfACertificate) {
  const test::TestCa ca = test::TestCa::Root("identity CA");
  ASSERT_OK_AND_ASSIGN(const auto certificates, Certificate::ParsePem(ca.certificate()));
  const CertificateParts parts = SplitCertificate(certificates.front());
  EXPECT_EQ(parts.subject, parts.issuer);
  EXPECT_NE(parts.certificate.find(parts.subject), std::string::npos);
  EXPECT_NE(parts.certificate.find(parts.serial_number), std::string::npos);
  EXPECT_THAT(parts.serial_number, StartsWith("\x02"));
}

}  // namespace
}  // namespace ddskey
