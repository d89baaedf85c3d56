// Revocation and caching: what the verdict on one certificate depends on besides the certificate.

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "daemon/trust/certificate_validator.h"
#include "test/support/pki.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using test::StatusIs;
using test::TestCa;
using test::TestKey;
using test::TestKeyType;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kDenied = absl::StatusCode::kPermissionDenied;

std::shared_ptr<const TrustStore> Trust(const std::vector<std::string>& anchors,
                                        const std::vector<std::string>& lists = {}) {
  auto store = TrustStore::Parse(anchors, lists);
  EXPECT_TRUE(store.ok()) << store.status();
  return *store;
}

class CertificateRevocationTest : public testing::Test {
 protected:
  absl::StatusOr<std::shared_ptr<const Certificate>> Validate(const std::string& pem, const TrustStore& trust) {
    return validator_->Validate(pem, trust, now_);
  }

  const absl::Time now_ = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  const std::unique_ptr<CertificateValidator> validator_ = CertificateValidator::Create();
  const TestKey key_ = TestKey::Generate();
  const TestCa root_ = TestCa::Root("root");
  const TestCa middle_ = root_.Intermediate("middle");
  const std::string leaf_ = root_.Issue(key_.public_key());
  const std::string low_leaf_ = middle_.Issue(key_.public_key());
  const std::string chain_ = low_leaf_ + middle_.certificate();
};

TEST_F(CertificateRevocationTest, RefusesRevokedLeaves) {
  EXPECT_THAT(Validate(leaf_, *Trust({root_.certificate()}, {root_.Crl({leaf_})})),
              StatusIs(kDenied, AllOf(StartsWith("[revoked]"), HasSubstr("CN=participant,O=Lab"))));
  EXPECT_OK(Validate(leaf_, *Trust({root_.certificate()}, {root_.Crl({low_leaf_})})));
}

TEST_F(CertificateRevocationTest, RefusesRevokedIntermediates) {
  EXPECT_THAT(Validate(chain_, *Trust({root_.certificate()}, {root_.Crl({middle_.certificate()})})),
              StatusIs(kDenied, AllOf(StartsWith("[revoked]"), HasSubstr("at CN=middle,O=Lab"))));
}

TEST_F(CertificateRevocationTest, ChecksOnlyCertificatesWhoseIssuerHasAList) {
  // The root's list says nothing about the leaves of the intermediate.
  EXPECT_OK(Validate(chain_, *Trust({root_.certificate()}, {root_.Crl({leaf_})})));
  // With the intermediate installed, its list counts, and the root's does not stand in the way.
  const std::vector<std::string> both = {root_.certificate(), middle_.certificate()};
  EXPECT_THAT(Validate(chain_, *Trust(both, {root_.Crl({}), middle_.Crl({low_leaf_})})),
              StatusIs(kDenied, StartsWith("[revoked]")));
  EXPECT_OK(Validate(chain_, *Trust(both, {root_.Crl({}), middle_.Crl({})})));
  EXPECT_OK(Validate(low_leaf_, *Trust(both, {root_.Crl({})})));
  EXPECT_OK(Validate(low_leaf_, *Trust(both, {middle_.Crl({})})));
}

TEST_F(CertificateRevocationTest, RefusesWhatARevokedAnchorSigned) {
  const std::vector<std::string> both = {root_.certificate(), middle_.certificate()};
  for (const auto& extensions :
       std::vector<std::vector<std::pair<std::string, std::string>>>{{}, {{"authorityKeyIdentifier", "keyid"}}}) {
    const std::string list =
        root_.Crl({middle_.certificate()}, now_ - absl::Hours(1), now_ + absl::Hours(1), extensions);
    EXPECT_THAT(Validate(low_leaf_, *Trust(both, {list})),
                StatusIs(kDenied, AllOf(StartsWith("[revoked]"), HasSubstr("CN=middle"))));
    EXPECT_OK(Validate(leaf_, *Trust(both, {list})));
  }
}

TEST_F(CertificateRevocationTest, RefusesWhenTheListIsOutOfDate) {
  const std::string old = root_.Crl({}, now_ - absl::Hours(48), now_ - absl::Hours(24));
  EXPECT_THAT(Validate(leaf_, *Trust({root_.certificate()}, {old})),
              StatusIs(kDenied, AllOf(StartsWith("[revocation_list_outdated]"), HasSubstr("past its next update"))));
  // A newer one heals it.
  EXPECT_OK(Validate(leaf_, *Trust({root_.certificate()}, {old, root_.Crl({})})));
  const std::string future = root_.Crl({}, now_ + absl::Hours(24), now_ + absl::Hours(48));
  EXPECT_THAT(Validate(leaf_, *Trust({root_.certificate()}, {future})),
              StatusIs(kDenied, StartsWith("[revocation_list_outdated]")));
}

TEST_F(CertificateRevocationTest, S8AnswersFromTheCacheForTheSameDocumentAndTrustOnly) {
  const auto trust = Trust({root_.certificate()});
  ASSERT_OK(Validate(leaf_, *trust));
  EXPECT_EQ(validator_->validations(), 1U);
  EXPECT_OK(Validate(leaf_, *trust));
  EXPECT_OK(Validate(leaf_, *Trust({root_.certificate()})));
  EXPECT_EQ(validator_->validations(), 1U);
  // The same certificate in other octets, and another trust store.
  EXPECT_OK(Validate(leaf_ + "\n", *trust));
  EXPECT_EQ(validator_->validations(), 2U);
  EXPECT_THAT(Validate(leaf_, *Trust({root_.certificate()}, {root_.Crl({leaf_})})), StatusIs(kDenied));
  EXPECT_THAT(Validate(leaf_, *Trust({TestCa::Root("other").certificate()})), StatusIs(kDenied));
  EXPECT_EQ(validator_->validations(), 4U);
}

TEST_F(CertificateRevocationTest, S8RefusalsAreCachedToo) {
  const auto trust = Trust({TestCa::Root("other").certificate()});
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Validate(leaf_, *trust), StatusIs(kDenied, StartsWith("[issuer]")));
    EXPECT_THAT(Validate("garbage", *trust), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_EQ(validator_->validations(), 2U);
}

TEST_F(CertificateRevocationTest, S8RefusalsDoNotPushOutWhatIsGood) {
  const auto trust = Trust({root_.certificate()});
  ASSERT_OK(Validate(leaf_, *trust));
  for (int i = 0; i < 3000; ++i) EXPECT_FALSE(Validate("garbage " + std::to_string(i), *trust).ok());
  const uint64_t before = validator_->validations();
  EXPECT_OK(Validate(leaf_, *trust));
  EXPECT_EQ(validator_->validations(), before);
}

// Each kind of date, passed between two validations of the same document.
class CachedDatesTest : public CertificateRevocationTest {
 protected:
  // Expect validates `pem` just before and at `moment`, forwards and back again, so that every cached verdict of the
  // other side would be wrong.
  void Expect(const std::string& pem, const TrustStore& trust, absl::Time moment, const char* before,
              const char* after) {
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(CheckAt(pem, trust, moment - absl::Nanoseconds(1)), before);
      EXPECT_EQ(CheckAt(pem, trust, moment), after);
      EXPECT_EQ(CheckAt(pem, trust, moment - absl::Nanoseconds(1)), before);
    }
  }

  // CheckAt returns the name of the refusing check, or "good".
  std::string CheckAt(const std::string& pem, const TrustStore& trust, absl::Time at) {
    const auto result = validator_->Validate(pem, trust, at);
    if (result.ok()) return "good";
    const std::string message(result.status().message());
    return message.substr(0, message.find(' '));
  }
};

TEST_F(CachedDatesTest, S8VerdictsEndWithTheDatesOfTheLeaf) {
  const auto trust = Trust({root_.certificate()});
  const std::string leaf =
      root_.Issue(key_.public_key(), {.not_before = now_ + absl::Hours(1), .not_after = now_ + absl::Hours(2)});
  Expect(leaf, *trust, now_ + absl::Hours(1), "[not_yet_valid]", "good");
  Expect(leaf, *trust, now_ + absl::Hours(2), "good", "[expired]");
}

TEST_F(CachedDatesTest, S8VerdictsEndWithTheDatesOfAuthorities) {
  const TestCa root = TestCa::Root("short root", TestKeyType::kEcP256,
                                   {.not_before = now_ + absl::Hours(1), .not_after = now_ + absl::Hours(4)});
  const TestCa middle = root.Intermediate("short middle", TestKeyType::kEcP256,
                                          {.not_before = now_ + absl::Hours(2), .not_after = now_ + absl::Hours(3)});
  const std::string chain = middle.Issue(key_.public_key()) + middle.certificate();
  const std::string leaf = root.Issue(key_.public_key());
  const auto trust = Trust({root.certificate()});
  Expect(leaf, *trust, now_ + absl::Hours(1), "[not_yet_valid]", "good");
  Expect(leaf, *trust, now_ + absl::Hours(4), "good", "[expired]");
  Expect(chain, *trust, now_ + absl::Hours(2), "[not_yet_valid]", "good");
  Expect(chain, *trust, now_ + absl::Hours(3), "good", "[expired]");
}

TEST_F(CachedDatesTest, S8VerdictsEndWithTheDatesOfRevocationLists) {
  const std::string first = root_.Crl({}, now_, now_ + absl::Hours(2));
  const std::string second = root_.Crl({leaf_}, now_ + absl::Hours(1), now_ + absl::Hours(3));
  Expect(leaf_, *Trust({root_.certificate()}, {first}), now_ + absl::Hours(2), "good", "[revocation_list_outdated]");
  Expect(leaf_, *Trust({root_.certificate()}, {first, second}), now_ + absl::Hours(1), "good", "[revoked]");
}

TEST_F(CertificateRevocationTest, S17ServesTheLargestList) {
  const std::string large = root_.LargeCrl(235'000);
  ASSERT_GT(large.size(), RevocationList::kLargestDocument * 9 / 10);
  ASSERT_LE(large.size(), RevocationList::kLargestDocument);
  const auto trust = Trust({root_.certificate()}, {large});
  EXPECT_EQ(trust->revocation_lists().front().size(), 235'000U);
  EXPECT_OK(Validate(leaf_, *trust));
  const std::string listed = root_.Issue(key_.public_key(), {.serial = (uint64_t{1} << 48) + 123'456});
  EXPECT_THAT(Validate(listed, *trust), StatusIs(kDenied, StartsWith("[revoked]")));
}

TEST_F(CertificateRevocationTest, ServesManyThreads) {
  const auto trust = Trust({root_.certificate()}, {root_.Crl({})});
  const std::string revoked = root_.Issue(key_.public_key());
  const auto strict = Trust({root_.certificate()}, {root_.Crl({revoked})});
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        EXPECT_OK(Validate(chain_ + std::string(static_cast<size_t>(i % 7), '\n'), *trust));
        EXPECT_THAT(Validate(revoked + std::string(static_cast<size_t>(i % 7), '\n'), *strict), StatusIs(kDenied));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace ddskey
