#include "daemon/trust/certificate.h"

#include <gtest/gtest.h>
#include <openssl/x509.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::StatusIs;
using test::TestCa;
using test::TestKey;
using test::TestKeyType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Property;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::string Hex(const std::string& octets) { return absl::BytesToHexString(octets); }

// Openssl returns what `openssl x509` prints about `pem`, an independent reading of it.
std::string Openssl(const std::string& pem, std::vector<std::string> arguments) {
  const test::TempDir dir;
  std::vector<std::string> command = {"openssl", "x509", "-noout", "-in", dir.Write("certificate.pem", pem)};
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::string output;
  EXPECT_EQ(test::Run(command, &output), 0) << output;
  output = std::string(absl::StripAsciiWhitespace(output));
  return output.substr(output.find('=') + 1);
}

Certificate ParseOne(const std::string& pem) {
  auto parsed = Certificate::ParsePem(pem);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed->front();
}

std::string Der(const std::string& pem) {
  unsigned char* octets = nullptr;
  const int size = i2d_X509(ParseOne(pem).x509(), &octets);
  std::string der(reinterpret_cast<char*>(octets), static_cast<size_t>(size));
  OPENSSL_free(octets);
  return der;
}

std::string Block(const std::string& der) {
  const std::string text = absl::Base64Escape(der);
  std::string pem = "-----BEGIN CERTIFICATE-----\n";
  for (size_t at = 0; at < text.size(); at += 64) pem += text.substr(at, 64) + "\n";
  return pem + "-----END CERTIFICATE-----\n";
}

class CertificateTest : public testing::Test {
 protected:
  const TestCa ca_ = TestCa::Root("identity CA");
  const TestKey key_ = TestKey::Generate();
  const std::string pem_ =
      ca_.Issue(key_.public_key(), {.subject = {{"O", "Lab"}, {"CN", "talker"}}, .serial = 0xab12});
};

TEST_F(CertificateTest, ReadsWhatTheOpensslCommandReads) {
  const Certificate certificate = ParseOne(pem_);
  EXPECT_EQ(certificate.subject(), "CN=talker,O=Lab");
  EXPECT_EQ(certificate.issuer(), "CN=identity CA,O=Lab");
  EXPECT_EQ(certificate.subject(), Openssl(pem_, {"-subject", "-nameopt", "RFC2253"}));
  EXPECT_EQ(certificate.issuer(), Openssl(pem_, {"-issuer", "-nameopt", "RFC2253"}));
  EXPECT_EQ(certificate.serial(), absl::AsciiStrToLower(Openssl(pem_, {"-serial"})));
  EXPECT_EQ(absl::FormatTime("%Y-%m-%d %H:%M:%SZ", certificate.not_after(), absl::UTCTimeZone()),
            Openssl(pem_, {"-enddate", "-dateopt", "iso_8601"}));
  EXPECT_EQ(absl::FormatTime("%Y-%m-%d %H:%M:%SZ", certificate.not_before(), absl::UTCTimeZone()),
            Openssl(pem_, {"-startdate", "-dateopt", "iso_8601"}));
  std::string fingerprint = Openssl(pem_, {"-fingerprint", "-sha256"});
  fingerprint.erase(std::remove(fingerprint.begin(), fingerprint.end(), ':'), fingerprint.end());
  EXPECT_EQ(Hex(certificate.digest()), absl::AsciiStrToLower(fingerprint));
  EXPECT_EQ(certificate.public_key(), key_.public_key());
  EXPECT_EQ(certificate.pem(), pem_);
}

TEST_F(CertificateTest, GivesTheSubjectInItsOwnEncoding) {
  // SEQUENCE { SET { O=Lab }, SET { CN=talker } }, UTF8String values.
  EXPECT_EQ(Hex(ParseOne(pem_).subject_der()), "301f310c300a060355040a0c034c6162310f300d06035504030c0674616c6b6572");
}

TEST_F(CertificateTest, NamesKeysAsTheIdentityTokenDoes) {
  const auto algorithm = [this](TestKeyType type) {
    return ParseOne(ca_.Issue(TestKey::Generate(type).public_key())).token_algorithm();
  };
  EXPECT_EQ(algorithm(TestKeyType::kEcP256), "EC-prime256v1");
  EXPECT_EQ(algorithm(TestKeyType::kRsa2048), "RSA-2048");
  EXPECT_EQ(algorithm(TestKeyType::kEcP384), "EC-secp384r1");
  EXPECT_EQ(algorithm(TestKeyType::kEcExplicit), "EC-explicit");
  EXPECT_EQ(algorithm(TestKeyType::kEd25519), "ED25519");
}

TEST_F(CertificateTest, WritesSerialNumbersWithoutLeadingZeros) {
  const auto serial = [this](uint64_t number) {
    return ParseOne(ca_.Issue(key_.public_key(), {.serial = number})).serial();
  };
  EXPECT_EQ(serial(0xab12), "ab12");
  EXPECT_EQ(serial(0x0f), "f");
  EXPECT_EQ(serial(0x1000000000000000), "1000000000000000");
}

TEST_F(CertificateTest, EscapesWhatCouldDeceiveALog) {
  const Certificate certificate =
      ParseOne(ca_.Issue(key_.public_key(), {.subject = {{"CN", "a,b\nforged line\x1b[2J \xc3\xa9"}}}));
  EXPECT_EQ(certificate.subject(), "CN=a\\,b\\0Aforged line\\1B[2J \\C3\\A9");
}

TEST_F(CertificateTest, ReadsChainsInOrderAndSkipsTextBetweenBlocks) {
  const std::string document = "subject=/CN=talker\n" + pem_ + "\nissued by\n" + ca_.certificate() + "the end\n";
  ASSERT_OK_AND_ASSIGN(const std::vector<Certificate> chain, Certificate::ParsePem(document));
  EXPECT_THAT(chain, ElementsAre(Property(&Certificate::subject, "CN=talker,O=Lab"),
                                 Property(&Certificate::subject, "CN=identity CA,O=Lab")));
}

TEST_F(CertificateTest, IgnoresANulAtTheEndAndRefusesOneInside) {
  EXPECT_OK(Certificate::ParsePem(pem_ + '\0'));
  EXPECT_THAT(Certificate::ParsePem(pem_ + '\0' + pem_), StatusIs(kInvalid, HasSubstr("NUL")));
}

TEST_F(CertificateTest, S13RefusesEveryOtherPemLabel) {
  EXPECT_THAT(Certificate::ParsePem(key_.pem()), StatusIs(kInvalid, HasSubstr("labelled \"PRIVATE KEY\"")));
  EXPECT_THAT(Certificate::ParsePem(pem_ + key_.pem()), StatusIs(kInvalid, HasSubstr("PRIVATE KEY")));
  EXPECT_THAT(Certificate::ParsePem(ca_.Crl({})), StatusIs(kInvalid, HasSubstr("X509 CRL")));
  std::string trusted = pem_;
  for (size_t at = 0; (at = trusted.find("CERTIFICATE", at)) != std::string::npos; at += 20) {
    trusted.insert(at, "TRUSTED ");
  }
  EXPECT_THAT(Certificate::ParsePem(trusted), StatusIs(kInvalid, HasSubstr("TRUSTED CERTIFICATE")));
}

TEST_F(CertificateTest, S13RefusesBlocksWithHeadersAndNeverAsksForAPassphrase) {
  std::string encrypted = pem_;
  encrypted.insert(encrypted.find('\n') + 1,
                   "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00000000000000000000000000000000\n\n");
  EXPECT_THAT(Certificate::ParsePem(encrypted), StatusIs(kInvalid, HasSubstr("header")));
}

TEST_F(CertificateTest, S13RefusesWhatIsMalformed) {
  EXPECT_THAT(Certificate::ParsePem(""), StatusIs(kInvalid, HasSubstr("no certificate")));
  EXPECT_THAT(Certificate::ParsePem("ddskey:talker"), StatusIs(kInvalid, HasSubstr("no certificate")));
  EXPECT_THAT(Certificate::ParsePem(test::MalformedPem(pem_)), StatusIs(kInvalid, HasSubstr("malformed")));
  EXPECT_THAT(Certificate::ParsePem(pem_.substr(0, pem_.size() / 2)), StatusIs(kInvalid));
  // All certificates must be good, not only the first.
  EXPECT_THAT(Certificate::ParsePem(pem_ + test::MalformedPem(pem_)), StatusIs(kInvalid, HasSubstr("malformed")));
}

TEST_F(CertificateTest, S13RefusesOctetsAfterTheCertificateInABlock) {
  EXPECT_OK(Certificate::ParsePem(Block(Der(pem_))));
  EXPECT_THAT(Certificate::ParsePem(Block(Der(pem_) + '\0')), StatusIs(kInvalid, HasSubstr("do not belong")));
}

TEST_F(CertificateTest, S13KeepsItsLimits) {
  std::string sixteen;
  for (int i = 0; i < 16; ++i) sixteen += pem_;
  EXPECT_OK(Certificate::ParsePem(sixteen));
  EXPECT_THAT(Certificate::ParsePem(sixteen + pem_), StatusIs(kInvalid, HasSubstr("more than 16")));
  EXPECT_THAT(Certificate::ParsePem(pem_ + std::string(64 * 1024, ' ')), StatusIs(kInvalid, HasSubstr("larger than")));
}

TEST_F(CertificateTest, SurvivesEveryOctetOfACertificateAltered) {
  const std::string good = Der(pem_);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string altered = good;
    altered[i] = static_cast<char>(altered[i] ^ 0x55);
    const auto parsed = Certificate::ParsePem(Block(altered));
    if (!parsed.ok()) continue;
    EXPECT_NE(parsed->front().digest(), ParseOne(pem_).digest());
    EXPECT_THAT(parsed->front().VerifySignature("x", "y"), StatusIs(absl::StatusCode::kPermissionDenied));
  }
}

class CertificateSignatureTest : public testing::TestWithParam<TestKeyType> {
 protected:
  const TestKey key_ = TestKey::Generate(GetParam());
  const Certificate certificate_ = ParseOne(TestCa::Root("CA").Issue(key_.public_key()));
};

TEST_P(CertificateSignatureTest, AcceptsSignaturesOfItsKeyOnly) {
  const std::string signature = key_.Sign("octets");
  EXPECT_OK(certificate_.VerifySignature("octets", signature));
  const auto refused = StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("CN=participant"));
  EXPECT_THAT(certificate_.VerifySignature("octetz", signature), refused);
  EXPECT_THAT(certificate_.VerifySignature("octets", TestKey::Generate(GetParam()).Sign("octets")), refused);
  EXPECT_THAT(certificate_.VerifySignature("octets", ""), refused);
  EXPECT_THAT(certificate_.VerifySignature("octets", signature + '\0'), refused);
  EXPECT_THAT(certificate_.VerifySignature("octets", signature.substr(1)), refused);
}

INSTANTIATE_TEST_SUITE_P(KeyTypes, CertificateSignatureTest,
                         testing::Values(TestKeyType::kEcP256, TestKeyType::kEcP384, TestKeyType::kRsa2048,
                                         TestKeyType::kRsa3072));

TEST_F(CertificateTest, AcceptsPssSaltsOfAnyLengthAndNoOtherPadding) {
  const TestKey rsa = TestKey::Generate(TestKeyType::kRsa2048);
  const Certificate certificate = ParseOne(ca_.Issue(rsa.public_key()));
  for (const int salt : {0, 20, 32, 222}) EXPECT_OK(certificate.VerifySignature("octets", rsa.Sign("octets", salt)));
  EXPECT_THAT(certificate.VerifySignature("octets", rsa.SignPkcs1("octets")),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(CertificateTest, RefusesEcdsaSignaturesThatAreNotDer) {
  const Certificate certificate = ParseOne(pem_);
  std::string signature = key_.Sign("octets");
  // The same sequence with its length in the long form: BER, not DER.
  signature.replace(1, 1, std::string("\x81") + signature[1]);
  EXPECT_THAT(certificate.VerifySignature("octets", signature), StatusIs(absl::StatusCode::kPermissionDenied));
}

}  // namespace
}  // namespace ddskey
