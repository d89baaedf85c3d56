// What the word of an OCSP responder does to the verdict on a certificate, beside revocation lists and the cache.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/trust/certificate_validator.h"
#include "test/support/ocsp.h"
#include "test/support/pki.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using test::MakeOcspResponse;
using test::OcspOptions;
using test::StatusIs;
using test::TestCa;
using test::TestKey;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kDenied = absl::StatusCode::kPermissionDenied;

class CertificateStatusTest : public testing::Test {
 protected:
  std::shared_ptr<const TrustStore> Trust(const std::vector<std::string>& lists) const {
    return *TrustStore::Parse({root_.certificate()}, lists, OtherIssuers::kAccept);
  }

  absl::Status Validate(const std::vector<std::string>& lists, const std::string& response) {
    return validator_->Validate(leaf_, *Trust(lists), now_, 0, response).status();
  }

  std::string Says(OcspOptions::Status status) const {
    OcspOptions options;
    options.status = status;
    return MakeOcspResponse(root_, {leaf_}, options);
  }

  absl::Time now_ = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  const std::unique_ptr<CertificateValidator> validator_ = CertificateValidator::Create();
  const TestKey key_ = TestKey::Generate();
  const TestCa root_ = TestCa::Root("root");
  const std::string leaf_ = root_.Issue(key_.public_key());
  const std::string outdated_ = root_.Crl({}, now_ - absl::Hours(3), now_ - absl::Hours(2));
  const std::string good_ = Says(OcspOptions::Status::kGood);
  const std::string revoked_ = Says(OcspOptions::Status::kRevoked);
};

TEST_F(CertificateStatusTest, ARevocationCountsWhateverTheListsSay) {
  for (const auto& lists : std::vector<std::vector<std::string>>{{}, {root_.Crl({})}, {outdated_}}) {
    EXPECT_THAT(Validate(lists, revoked_), StatusIs(kDenied, AllOf(StartsWith("[ocsp_revoked]"), HasSubstr("since"))));
  }
  EXPECT_OK(Validate({}, "")) << "for those handshakes only that it came with";
}

TEST_F(CertificateStatusTest, AGoodOneMakesUpForAnOutdatedListAndForNothingElse) {
  EXPECT_THAT(Validate({outdated_}, ""), StatusIs(kDenied, StartsWith("[revocation_list_outdated]")));
  EXPECT_OK(Validate({outdated_}, good_));
  EXPECT_THAT(Validate({root_.Crl({leaf_})}, good_), StatusIs(kDenied, StartsWith("[revoked]")));
  const std::string revoked_long_ago = root_.Crl({leaf_}, now_ - absl::Hours(3), now_ - absl::Hours(2));
  EXPECT_THAT(Validate({revoked_long_ago}, good_), StatusIs(kDenied, StartsWith("[revoked]")));
}

TEST_F(CertificateStatusTest, AGoodOneMakesUpForAMissingListWhereOneIsDemanded) {
  const auto under = [&](Strictness strictness) {
    ValidationOptions options;
    options.missing_revocation_list = strictness;
    return *TrustStore::Parse({root_.certificate()}, {}, OtherIssuers::kAccept, options);
  };
  const auto demanded = under(Strictness::kRequire);
  EXPECT_THAT(validator_->Validate(leaf_, *demanded, now_), StatusIs(kDenied, StartsWith("[revocation_list_missing]")));
  EXPECT_OK(validator_->Validate(leaf_, *demanded, now_, 0, good_));
  EXPECT_THAT(validator_->Validate(leaf_, *demanded, now_, 0, revoked_), StatusIs(kDenied, StartsWith("[ocsp_")));
}

TEST_F(CertificateStatusTest, AGoodOneDoesNotMakeUpForTheListOfACaAbove) {
  const TestCa middle = root_.Intermediate("middle");
  const std::string low = middle.Issue(key_.public_key());
  const std::string chain = low + middle.certificate();
  const std::string outdated_below = middle.Crl({}, now_ - absl::Hours(3), now_ - absl::Hours(2));
  const std::string good = MakeOcspResponse(middle, {low});
  EXPECT_OK(validator_->Validate(chain, *Trust({outdated_below}), now_, 0, good));
  EXPECT_THAT(validator_->Validate(chain, *Trust({outdated_}), now_, 0, good),
              StatusIs(kDenied, StartsWith("[revocation_list_outdated]")));
  EXPECT_THAT(validator_->Validate(chain, *Trust({root_.Crl({middle.certificate()})}), now_, 0, good),
              StatusIs(kDenied, StartsWith("[revoked]")));
}

TEST_F(CertificateStatusTest, WhatDoesNotCountIsAsIfItHadNotCome) {
  const TestCa foreign = TestCa::Root("root");
  OcspOptions old;
  old.this_update = now_ - absl::Hours(3);
  old.next_update = now_ - absl::Hours(1);
  const std::string other = root_.Issue(key_.public_key());
  for (const std::string& response :
       {std::string("garbage"), good_.substr(1), MakeOcspResponse(foreign, {leaf_}), MakeOcspResponse(root_, {other}),
        MakeOcspResponse(root_, {leaf_}, old), test::MakeOcspError(), Says(OcspOptions::Status::kUnknown),
        std::string(17 * 1024, 'x')}) {
    EXPECT_OK(Validate({}, response));
    EXPECT_OK(Validate({root_.Crl({})}, response));
    EXPECT_THAT(Validate({outdated_}, response),
                StatusIs(kDenied, AllOf(StartsWith("[revocation_list_outdated]"), HasSubstr("; "))))
        << "and the refusal says why";
  }
}

TEST_F(CertificateStatusTest, NothingMakesUpForABadPath) {
  EXPECT_THAT(validator_->Validate(test::WithBrokenSignature(leaf_), *Trust({outdated_}), now_, 0, good_),
              StatusIs(kDenied));
  EXPECT_THAT(
      validator_->Validate(leaf_, **TrustStore::Parse({TestCa::Root("root").certificate()}, {}), now_, 0, good_),
      StatusIs(kDenied, StartsWith("[issuer]")));
  test::CertificateOptions expired;
  expired.not_after = now_ - absl::Hours(1);
  const std::string leaf = root_.Issue(key_.public_key(), expired);
  EXPECT_THAT(validator_->Validate(leaf, *Trust({}), now_, 0, MakeOcspResponse(root_, {leaf})),
              StatusIs(kDenied, StartsWith("[expired]")));
}

TEST_F(CertificateStatusTest, S8AVerdictOnTheWordOfAResponderLivesUntilItsNextUpdate) {
  OcspOptions options;
  options.this_update = now_ - absl::Hours(1);
  options.next_update = now_ + absl::Hours(1);
  const std::string good = MakeOcspResponse(root_, {leaf_}, options);
  options.status = OcspOptions::Status::kRevoked;
  const std::string revoked = MakeOcspResponse(root_, {leaf_}, options);
  const absl::Time begin = now_;
  EXPECT_OK(Validate({outdated_}, good));
  now_ = begin + absl::Hours(1) - absl::Seconds(1);
  EXPECT_OK(Validate({outdated_}, good));
  EXPECT_THAT(Validate({}, revoked), StatusIs(kDenied, StartsWith("[ocsp_revoked]")));
  now_ = begin + absl::Hours(1);
  EXPECT_THAT(Validate({outdated_}, good), StatusIs(kDenied, StartsWith("[revocation_list_outdated]")));
  EXPECT_OK(Validate({}, revoked));
  now_ = begin - absl::Hours(1) - OcspResponse::kSkew - absl::Seconds(1);
  EXPECT_OK(Validate({}, revoked)) << "not yet said";
}

TEST_F(CertificateStatusTest, WhatBeganWithAGoodOneOutlivesItsNextUpdateButNoList) {
  OcspOptions options;
  options.this_update = now_ - absl::Hours(1);
  options.next_update = now_ + absl::Hours(1);
  const std::string good = MakeOcspResponse(root_, {leaf_}, options);
  const auto later = [&](const std::string& list, absl::Time shown) {
    return validator_->Validate(leaf_, *Trust({list}), now_ + absl::Hours(5), 0, good, shown).status();
  };
  for (int i = 0; i < 2; ++i) EXPECT_OK(later(outdated_, now_)) << "from the cache, too";
  EXPECT_FALSE(later(outdated_, now_ + absl::Hours(2)).ok());
  EXPECT_FALSE(later(outdated_, absl::InfiniteFuture()).ok());
  EXPECT_THAT(later(root_.Crl({leaf_}), now_), StatusIs(kDenied, StartsWith("[revoked]")));
}

TEST_F(CertificateStatusTest, S8TheWordOfOneMessageIsNotThatOfAnother) {
  EXPECT_OK(Validate({}, ""));
  EXPECT_THAT(Validate({}, revoked_), StatusIs(kDenied));
  EXPECT_OK(Validate({}, ""));
  EXPECT_OK(Validate({outdated_}, good_));
  EXPECT_THAT(Validate({outdated_}, ""), StatusIs(kDenied));
  EXPECT_EQ(validator_->validations(), 2u) << "the path is validated once under each trust store";
}

TEST_F(CertificateStatusTest, TellsWhatAResponseSaysOfAChain) {
  const auto status = [&](const std::string& pem, const std::string& response) {
    return validator_->StatusOf(pem, *Trust({outdated_}), now_, 0, response);
  };
  EXPECT_EQ(status(leaf_, good_)->kind, CertificateStatus::Kind::kGood);
  EXPECT_EQ(status(leaf_, revoked_)->kind, CertificateStatus::Kind::kRevoked);
  EXPECT_THAT(status(leaf_, "garbage"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(status(test::WithBrokenSignature(leaf_), good_), StatusIs(kDenied));
  EXPECT_THAT(status(root_.certificate(), good_), StatusIs(kDenied));
}

}  // namespace
}  // namespace ddskey
