#include "daemon/trust/ocsp_response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/support/ocsp.h"
#include "test/support/pki.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using ::ddskey::test::MakeOcspResponse;
using ::ddskey::test::MakeResponder;
using ::ddskey::test::OcspOptions;
using ::ddskey::test::StatusIs;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestKey;
using ::ddskey::test::TestKeyType;
using ::testing::HasSubstr;
using Kind = CertificateStatus::Kind;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kDenied = absl::StatusCode::kPermissionDenied;

class OcspResponseTest : public ::testing::Test {
 protected:
  absl::StatusOr<CertificateStatus> StatusOf(const std::string& der, absl::Time now = absl::Now()) const {
    return StatusOf(der, leaf_, ca_, {}, now);
  }

  // StatusOf is what `der` says of a certificate of `issuer`, whose root is the anchor.
  absl::StatusOr<CertificateStatus> StatusOf(const std::string& der, const std::string& leaf, const TestCa& issuer,
                                             const std::vector<std::string>& lists = {},
                                             absl::Time now = absl::Now()) const {
    const auto response = OcspResponse::Parse(der);
    if (!response.ok()) return response.status();
    const auto trust = *TrustStore::Parse({ca_.certificate()}, lists);
    return response->StatusOf(Certificate::ParsePem(leaf)->front(),
                              Certificate::ParsePem(issuer.certificate())->front(), *trust, now);
  }

  std::string By(const OcspOptions::Responder& responder) const {
    OcspOptions options;
    options.responder = responder;
    return MakeOcspResponse(ca_, {leaf_}, options);
  }

  TestCa ca_ = TestCa::Root("identity CA");
  std::string leaf_ = ca_.Issue(TestKey::Generate().public_key());
};

TEST_F(OcspResponseTest, TellsGoodRevokedAndUnknown) {
  OcspOptions options;
  EXPECT_EQ(StatusOf(MakeOcspResponse(ca_, {leaf_}, options))->kind, Kind::kGood);
  options.status = OcspOptions::Status::kUnknown;
  EXPECT_EQ(StatusOf(MakeOcspResponse(ca_, {leaf_}, options))->kind, Kind::kUnknown);
  options.status = OcspOptions::Status::kRevoked;
  ASSERT_OK_AND_ASSIGN(const CertificateStatus status, StatusOf(MakeOcspResponse(ca_, {leaf_}, options)));
  EXPECT_EQ(status.kind, Kind::kRevoked);
  EXPECT_EQ(absl::ToUnixSeconds(status.revoked), absl::ToUnixSeconds(options.this_update));
  EXPECT_EQ(absl::ToUnixSeconds(status.this_update), absl::ToUnixSeconds(options.this_update));
  EXPECT_EQ(absl::ToUnixSeconds(status.next_update), absl::ToUnixSeconds(*options.next_update));
}

TEST_F(OcspResponseTest, TakesWhatRespondersVary) {
  OcspOptions options;
  options.nonce = true;
  options.id_hash = "SHA256";
  options.with_certificate = false;
  EXPECT_EQ(StatusOf(MakeOcspResponse(ca_, {leaf_}, options))->kind, Kind::kGood);
  const std::string other = ca_.Issue(TestKey::Generate().public_key());
  EXPECT_EQ(StatusOf(MakeOcspResponse(ca_, {other, leaf_}))->kind, Kind::kGood);
  const TestCa rsa = TestCa::Root("RSA", TestKeyType::kRsa2048);
  const std::string of_rsa = rsa.Issue(TestKey::Generate().public_key());
  const auto trust = *TrustStore::Parse({rsa.certificate()}, {});
  EXPECT_OK(OcspResponse::Parse(MakeOcspResponse(rsa, {of_rsa}))
                ->StatusOf(Certificate::ParsePem(of_rsa)->front(), trust->anchors().front(), *trust, absl::Now())
                .status());
}

TEST_F(OcspResponseTest, S13RefusesWhatIsNoSuccessfulResponse) {
  const std::string good = MakeOcspResponse(ca_, {leaf_});
  EXPECT_THAT(OcspResponse::Parse(""), StatusIs(kInvalid, HasSubstr("malformed")));
  EXPECT_THAT(OcspResponse::Parse(good.substr(0, good.size() - 1)), StatusIs(kInvalid, HasSubstr("malformed")));
  EXPECT_THAT(OcspResponse::Parse(good + "x"), StatusIs(kInvalid, HasSubstr("followed by")));
  EXPECT_THAT(OcspResponse::Parse(test::MakeOcspError()), StatusIs(kInvalid, HasSubstr("trylater")));
  EXPECT_THAT(OcspResponse::Parse(good + std::string(16 * 1024, '\0')), StatusIs(kInvalid, HasSubstr("larger than")));
  OcspOptions options;
  options.hash = "SHA1";
  EXPECT_THAT(OcspResponse::Parse(MakeOcspResponse(ca_, {leaf_}, options)), StatusIs(kInvalid, HasSubstr("weak hash")));
  options = {};
  options.critical_extension = true;
  EXPECT_THAT(OcspResponse::Parse(MakeOcspResponse(ca_, {leaf_}, options)),
              StatusIs(kInvalid, HasSubstr("critical extension")));
}

TEST_F(OcspResponseTest, SaysNothingOfAnotherCertificate) {
  const std::string other = ca_.Issue(TestKey::Generate().public_key());
  EXPECT_THAT(StatusOf(MakeOcspResponse(ca_, {other})), StatusIs(kDenied, HasSubstr("not about")));
  // Of the same number, by another CA of the same name.
  test::CertificateOptions numbered;
  numbered.serial = 4711;
  const std::string mine = ca_.Issue(TestKey::Generate().public_key(), numbered);
  const TestCa foreign = TestCa::Root("identity CA");
  const std::string theirs = foreign.Issue(TestKey::Generate().public_key(), numbered);
  EXPECT_THAT(StatusOf(MakeOcspResponse(foreign, {theirs}), mine, ca_), StatusIs(kDenied, HasSubstr("not about")));
}

TEST_F(OcspResponseTest, SaysNothingBeforeAndAfterItsTime) {
  const absl::Time now = absl::Now();
  OcspOptions options;
  options.this_update = now;
  options.next_update = now + absl::Hours(1);
  const std::string response = MakeOcspResponse(ca_, {leaf_}, options);
  EXPECT_OK(StatusOf(response, now - absl::Minutes(4)).status()) << "a responder's clock may be ahead a little";
  EXPECT_THAT(StatusOf(response, now - absl::Minutes(6)), StatusIs(kDenied, HasSubstr("not current")));
  EXPECT_OK(StatusOf(response, now + absl::Minutes(59)).status());
  EXPECT_THAT(StatusOf(response, now + absl::Hours(1)), StatusIs(kDenied, HasSubstr("not current")));
  options.next_update.reset();
  EXPECT_THAT(StatusOf(MakeOcspResponse(ca_, {leaf_}, options)), StatusIs(kDenied, HasSubstr("not current")));
}

TEST_F(OcspResponseTest, OfTwoStatementsTheRevocationCounts) {
  OcspOptions revoked;
  revoked.status = OcspOptions::Status::kRevoked;
  EXPECT_EQ(StatusOf(MakeOcspResponse(ca_, {leaf_, leaf_}, revoked))->kind, Kind::kRevoked);
}

TEST_F(OcspResponseTest, TakesAResponderThatTheIssuerAuthorised) {
  EXPECT_EQ(StatusOf(By(MakeResponder(ca_)))->kind, Kind::kGood);
}

TEST_F(OcspResponseTest, RefusesResponsesThatTheIssuerHasNoPartIn) {
  const TestCa foreign = TestCa::Root("foreign CA");
  EXPECT_THAT(StatusOf(By({foreign.key(), foreign.certificate()})), StatusIs(kDenied, HasSubstr("not made for it")));
  EXPECT_THAT(StatusOf(By(MakeResponder(foreign))), StatusIs(kDenied, HasSubstr("not good")));
  // It signs for itself, as does every participant that can make up a response.
  const TestKey key = TestKey::Generate();
  EXPECT_THAT(StatusOf(By({key, ca_.Issue(key.public_key())})), StatusIs(kDenied, HasSubstr("not made for it")));
}

TEST_F(OcspResponseTest, RefusesWhatWasAlteredAfterItWasSigned) {
  OcspOptions options;
  options.next_update = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()) / 10 * 10 + 3600);
  const std::string end = absl::FormatTime("%Y%m%d%H%M%S", *options.next_update, absl::UTCTimeZone());
  for (const bool delegated : {false, true}) {
    if (delegated) options.responder = MakeResponder(ca_);
    std::string response = MakeOcspResponse(ca_, {leaf_}, options);
    ASSERT_NE(response.find(end), std::string::npos);
    response[response.find(end) + end.size() - 1] = '1';
    EXPECT_THAT(StatusOf(response), StatusIs(kDenied));
  }
}

TEST_F(OcspResponseTest, RefusesRespondersWhoseCertificateIsNotGood) {
  const std::vector<std::pair<std::string, std::string>> any = {{"extendedKeyUsage", "anyExtendedKeyUsage"}};
  EXPECT_THAT(StatusOf(By(MakeResponder(ca_, any))), StatusIs(kDenied, HasSubstr("not made for it")));
  const std::vector<std::pair<std::string, std::string>> no_signing = {{"keyUsage", "critical,keyAgreement"},
                                                                       {"extendedKeyUsage", "OCSPSigning"}};
  EXPECT_THAT(StatusOf(By(MakeResponder(ca_, no_signing))), StatusIs(kDenied, HasSubstr("not made for it")));
  const std::vector<std::pair<std::string, std::string>> unknown = {{"extendedKeyUsage", "OCSPSigning"},
                                                                    {"1.2.3.4", "critical,DER:0500"}};
  EXPECT_THAT(StatusOf(By(MakeResponder(ca_, unknown))), StatusIs(kDenied, HasSubstr("critical")));
  test::CertificateOptions expired;
  expired.not_after = absl::Now() - absl::Minutes(1);
  EXPECT_THAT(StatusOf(By(MakeResponder(ca_, {}, expired))), StatusIs(kDenied, HasSubstr("expired")));
}

TEST_F(OcspResponseTest, ARevokedResponderIsNotBelievedUnlessItsCaExemptsIt) {
  const auto checked = MakeResponder(ca_, {{"extendedKeyUsage", "OCSPSigning"}});
  EXPECT_OK(StatusOf(By(checked), leaf_, ca_, {ca_.Crl({})}).status());
  EXPECT_THAT(StatusOf(By(checked), leaf_, ca_, {ca_.Crl({checked.certificate})}),
              StatusIs(kDenied, HasSubstr("revoked")));
  const auto exempt = MakeResponder(ca_);
  EXPECT_OK(StatusOf(By(exempt), leaf_, ca_, {ca_.Crl({exempt.certificate})}).status());
}

TEST_F(OcspResponseTest, OnlyTheIssuerItselfAuthorisesResponders) {
  const TestCa intermediate = ca_.Intermediate("intermediate");
  const std::string leaf = intermediate.Issue(TestKey::Generate().public_key());
  EXPECT_OK(StatusOf(MakeOcspResponse(intermediate, {leaf}), leaf, intermediate).status());
  OcspOptions options;
  options.responder = MakeResponder(intermediate);
  EXPECT_OK(StatusOf(MakeOcspResponse(intermediate, {leaf}, options), leaf, intermediate).status());
  // One of the CA above, and that CA itself.
  options.responder = MakeResponder(ca_);
  EXPECT_THAT(StatusOf(MakeOcspResponse(intermediate, {leaf}, options), leaf, intermediate),
              StatusIs(kDenied, HasSubstr("not good")));
  options.responder = OcspOptions::Responder{ca_.key(), ca_.certificate()};
  EXPECT_THAT(StatusOf(MakeOcspResponse(intermediate, {leaf}, options), leaf, intermediate), StatusIs(kDenied));
  // A sibling's.
  const TestCa sibling = ca_.Intermediate("sibling");
  options.responder = MakeResponder(sibling);
  EXPECT_THAT(StatusOf(MakeOcspResponse(intermediate, {leaf}, options), leaf, intermediate), StatusIs(kDenied));
}

}  // namespace
}  // namespace ddskey
