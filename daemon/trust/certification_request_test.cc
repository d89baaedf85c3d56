#include "daemon/trust/certification_request.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::StatusIs;
using test::TestKey;
using test::TestKeyType;
using ::testing::HasSubstr;
using Subject = std::vector<std::pair<std::string, std::string>>;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

const Subject& Talker() {
  static const Subject& subject = *new Subject{{"O", "Lab"}, {"CN", "talker"}};
  return subject;
}

// Verify returns what the openssl command says about a request whose signature it finds good.
std::string Verify(const std::string& pem) {
  const test::TempDir dir;
  std::string output;
  EXPECT_EQ(test::Run({"openssl", "req", "-verify", "-noout", "-text", "-nameopt", "RFC2253", "-in",
                       dir.Write("request.pem", pem)},
                      &output),
            0);
  EXPECT_THAT(output, HasSubstr("verify OK"));
  return output;
}

class CertificationRequestTest : public testing::TestWithParam<KeyAlgorithm> {
 protected:
  static TestKeyType TypeOf(KeyAlgorithm algorithm) {
    if (IsRsa(algorithm)) return KeyBits(algorithm) == 3072 ? TestKeyType::kRsa3072 : TestKeyType::kRsa2048;
    return KeyBits(algorithm) == 384 ? TestKeyType::kEcP384 : TestKeyType::kEcP256;
  }

  const TestKey key_ = TestKey::Generate(TypeOf(GetParam()));

  absl::StatusOr<CertificationRequest> Build(const Subject& subject, const std::vector<std::string>& usage = {}) {
    return CertificationRequest::Build(GetParam(), key_.public_key(), subject, usage);
  }
};

TEST_P(CertificationRequestTest, VerifiesWithTheOpensslCommand) {
  ASSERT_OK_AND_ASSIGN(const CertificationRequest request, Build(Talker()));
  ASSERT_OK_AND_ASSIGN(const std::string pem, request.Finish(key_.SignPkcs1(request.to_be_signed())));
  const std::string text = Verify(pem);
  EXPECT_THAT(text, HasSubstr("Subject: CN=talker,O=Lab"));
  EXPECT_THAT(text, HasSubstr("X509v3 Key Usage: critical\n                    Digital Signature\n"));
  EXPECT_THAT(text, HasSubstr("Version: 1 (0x0)"));
}

TEST_P(CertificationRequestTest, TakesTheSubjectOfACertificateOctetByOctet) {
  // A relative name of two attributes, which Build does not make: CN=talker+serialNumber=7.
  const std::string subject(
      "\x30\x1d\x31\x1b\x30\x08\x06\x03\x55\x04\x05\x13\x01\x37\x30\x0f\x06\x03\x55\x04\x03\x0c\x08"
      "talker-7",
      31);
  ASSERT_OK_AND_ASSIGN(const CertificationRequest request,
                       CertificationRequest::BuildFor(GetParam(), key_.public_key(), subject, {}));
  EXPECT_THAT(request.to_be_signed(), HasSubstr(subject));
  ASSERT_OK_AND_ASSIGN(const std::string pem, request.Finish(key_.SignPkcs1(request.to_be_signed())));
  EXPECT_THAT(Verify(pem), HasSubstr("talker-7"));
  for (const std::string& wrong : {std::string(), std::string("CN=talker"), subject + "x", subject.substr(0, 20)}) {
    EXPECT_THAT(CertificationRequest::BuildFor(GetParam(), key_.public_key(), wrong, {}), StatusIs(kInvalid));
  }
}

TEST_P(CertificationRequestTest, AsksForTheNamedKeyUsages) {
  ASSERT_OK_AND_ASSIGN(const CertificationRequest request,
                       Build(Talker(), {"keyAgreement", "nonRepudiation", "keyEncipherment", "dataEncipherment"}));
  ASSERT_OK_AND_ASSIGN(const std::string pem, request.Finish(key_.SignPkcs1(request.to_be_signed())));
  EXPECT_THAT(Verify(pem), HasSubstr("Non Repudiation, Key Encipherment, Data Encipherment, Key Agreement\n"));
}

TEST_P(CertificationRequestTest, TakesEveryDocumentedAttributeInOrder) {
  const Subject all = {{"C", "DE"},       {"ST", "Bayern"}, {"L", "M\xc3\xbcnchen"}, {"O", "Lab"},
                       {"OU", "Robots"},  {"CN", "talker"}, {"serialNumber", "7"},   {"emailAddress", "a@b.example"},
                       {"DC", "example"}, {"UID", "t"}};
  ASSERT_OK_AND_ASSIGN(const CertificationRequest request, Build(all));
  ASSERT_OK_AND_ASSIGN(const std::string pem, request.Finish(key_.SignPkcs1(request.to_be_signed())));
  EXPECT_THAT(Verify(pem), HasSubstr("Subject: UID=t,DC=example,emailAddress=a@b.example,serialNumber=7,CN=talker,"
                                     "OU=Robots,O=Lab,L=M\\C3\\BCnchen,ST=Bayern,C=DE"));
}

TEST_P(CertificationRequestTest, NeverGivesOutARequestWhoseSignatureIsNotGood) {
  ASSERT_OK_AND_ASSIGN(const CertificationRequest request, Build(Talker()));
  const std::string good = key_.SignPkcs1(request.to_be_signed());
  const auto refused = StatusIs(absl::StatusCode::kInternal, HasSubstr("does not verify"));
  EXPECT_THAT(request.Finish(""), refused);
  EXPECT_THAT(request.Finish(good.substr(1)), refused);
  EXPECT_THAT(request.Finish(key_.SignPkcs1("something else")), refused);
  EXPECT_OK(request.Finish(good));
}

TEST_P(CertificationRequestTest, RefusesSubjectsOutsideTheContract) {
  EXPECT_THAT(Build({}), StatusIs(kInvalid, HasSubstr("1 to 16")));
  EXPECT_THAT(Build(Subject(17, {"OU", "x"})), StatusIs(kInvalid, HasSubstr("1 to 16")));
  EXPECT_THAT(Build({{"XX", "y"}}), StatusIs(kInvalid, HasSubstr("\"XX\"")));
  EXPECT_THAT(Build({{"cn", "y"}}), StatusIs(kInvalid, HasSubstr("\"cn\"")));
  EXPECT_THAT(Build({{"CN", ""}}), StatusIs(kInvalid, HasSubstr("CN")));
  EXPECT_THAT(Build({{"CN", std::string(65, 'x')}}), StatusIs(kInvalid, HasSubstr("CN")));
  EXPECT_THAT(Build({{"CN", "\xff\xfe"}}), StatusIs(kInvalid, HasSubstr("CN")));
  EXPECT_THAT(Build({{"CN", "a\nb"}}), StatusIs(kInvalid, HasSubstr("CN")));
  EXPECT_THAT(Build({{"CN", std::string("a\0b", 3)}}), StatusIs(kInvalid, HasSubstr("CN")));
  EXPECT_THAT(Build({{"C", "Germany"}}), StatusIs(kInvalid, HasSubstr("attribute C")));
  EXPECT_OK(Build({{"CN", std::string(64, 'x')}}));
}

TEST_P(CertificationRequestTest, CountsCharactersNotOctets) {
  std::string umlauts;
  for (int i = 0; i < 64; ++i) umlauts += "\xc3\xbc";
  EXPECT_OK(Build({{"CN", umlauts}}));
  EXPECT_THAT(Build({{"CN", umlauts + "x"}}), StatusIs(kInvalid));
}

TEST_P(CertificationRequestTest, RefusesUnknownKeyUsages) {
  EXPECT_THAT(Build(Talker(), {"keyCertSign"}), StatusIs(kInvalid, HasSubstr("\"keyCertSign\"")));
  EXPECT_THAT(Build(Talker(), {"digitalSignature", ""}), StatusIs(kInvalid));
}

TEST_P(CertificationRequestTest, RefusesPublicKeysThatDoNotFit) {
  const auto build = [](const std::string& key) { return CertificationRequest::Build(GetParam(), key, Talker(), {}); };
  EXPECT_THAT(build(""), StatusIs(kInvalid));
  EXPECT_THAT(build(key_.public_key() + "x"), StatusIs(kInvalid));
  EXPECT_THAT(build(TestKey::Generate(TestKeyType::kEcExplicit).public_key()), StatusIs(kInvalid));
  EXPECT_THAT(build(TestKey::Generate(TestKeyType::kEcP521).public_key()), StatusIs(kInvalid));
  for (const KeyAlgorithm other : kAllAlgorithms) {
    if (other == GetParam()) continue;
    EXPECT_THAT(build(TestKey::Generate(TypeOf(other)).public_key()), StatusIs(kInvalid));
  }
  EXPECT_THAT(build(TestKey::Generate(TestKeyType::kRsa1024).public_key()), StatusIs(kInvalid));
}

INSTANTIATE_TEST_SUITE_P(Algorithms, CertificationRequestTest, testing::ValuesIn(kAllAlgorithms));

}  // namespace
}  // namespace ddskey
