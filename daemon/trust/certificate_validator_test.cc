#include "daemon/trust/certificate_validator.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/support/pki.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using test::CertificateOptions;
using test::IsOk;
using test::StatusIs;
using test::TestCa;
using test::TestKey;
using test::TestKeyType;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kDenied = absl::StatusCode::kPermissionDenied;

class CertificateValidatorTest : public testing::Test {
 protected:
  // Trust makes a store of good documents.
  static std::shared_ptr<const TrustStore> Trust(const std::vector<const TestCa*>& anchors,
                                                 const std::vector<std::string>& lists = {}) {
    std::vector<std::string> documents;
    documents.reserve(anchors.size());
    for (const TestCa* anchor : anchors) documents.push_back(anchor->certificate());
    auto store = TrustStore::Parse(documents, lists);
    EXPECT_TRUE(store.ok()) << store.status();
    return *store;
  }

  absl::StatusOr<std::shared_ptr<const Certificate>> Validate(const std::string& pem, const TrustStore& trust) {
    return validator_->Validate(pem, trust, absl::Now());
  }

  std::string Leaf(const TestCa& ca, const CertificateOptions& options = {}) {
    return ca.Issue(key_.public_key(), options);
  }

  const std::unique_ptr<CertificateValidator> validator_ = CertificateValidator::Create();
  const TestKey key_ = TestKey::Generate();
  const TestCa root_ = TestCa::Root("root");
  const TestCa foreign_ = TestCa::Root("foreign");
  const std::shared_ptr<const TrustStore> trust_ = Trust({&root_});
};

TEST_F(CertificateValidatorTest, AcceptsALeafOfAnAnchor) {
  const TestKey keys[] = {key_, TestKey::Generate(TestKeyType::kEcP384), TestKey::Generate(TestKeyType::kRsa2048),
                          TestKey::Generate(TestKeyType::kRsa3072), TestKey::Generate(TestKeyType::kRsa4096)};
  for (const TestKeyType ca_type : {TestKeyType::kEcP256, TestKeyType::kEcP384, TestKeyType::kRsa2048}) {
    const TestCa ca = TestCa::Root("CA", ca_type);
    for (const TestKey& key : keys) {
      ASSERT_OK_AND_ASSIGN(const auto leaf, Validate(ca.Issue(key.public_key()), *Trust({&foreign_, &ca})));
      EXPECT_EQ(leaf->public_key(), key.public_key());
    }
  }
}

TEST_F(CertificateValidatorTest, FollowsThePeersIntermediatesInAnyOrder) {
  const TestCa upper = root_.Intermediate("upper");
  const TestCa lower = upper.Intermediate("lower", TestKeyType::kRsa2048);
  const std::string leaf = Leaf(lower);
  EXPECT_OK(Validate(leaf + lower.certificate() + upper.certificate(), *trust_));
  EXPECT_OK(Validate(leaf + root_.certificate() + upper.certificate() + lower.certificate(), *trust_));
  EXPECT_THAT(Validate(leaf + lower.certificate(), *trust_), StatusIs(kDenied, StartsWith("[issuer]")));
  EXPECT_THAT(Validate(leaf, *trust_), StatusIs(kDenied, StartsWith("[issuer]")));
}

TEST_F(CertificateValidatorTest, AcceptsAnIntermediateAsAnchor) {
  const TestCa intermediate = root_.Intermediate("intermediate");
  EXPECT_OK(Validate(Leaf(intermediate), *Trust({&intermediate})));
  EXPECT_OK(Validate(Leaf(intermediate) + intermediate.certificate(), *Trust({&intermediate})));
  EXPECT_THAT(Validate(Leaf(root_), *Trust({&intermediate})), StatusIs(kDenied, StartsWith("[issuer]")));
}

TEST_F(CertificateValidatorTest, RefusesForeignAuthorities) {
  EXPECT_THAT(
      Validate(Leaf(foreign_), *trust_),
      StatusIs(kDenied, AllOf(StartsWith("[issuer]"), HasSubstr("CN=participant,O=Lab, issued by CN=foreign"))));
  // Of the same name, with another key; with and without its own certificate.
  const TestCa impostor = TestCa::Root("root");
  EXPECT_THAT(Validate(Leaf(impostor), *trust_), StatusIs(kDenied, StartsWith("[issuer]")));
  EXPECT_THAT(Validate(Leaf(impostor) + impostor.certificate(), *trust_), StatusIs(kDenied, StartsWith("[issuer]")));
  EXPECT_THAT(Validate(test::WithBrokenSignature(Leaf(root_)), *trust_),
              StatusIs(kDenied, AllOf(StartsWith("[issuer]"), HasSubstr("signature"))));
}

TEST_F(CertificateValidatorTest, RefusesIntermediatesThatAreNoAuthorities) {
  const CertificateOptions not_a_ca = {.extensions = {{"basicConstraints", "critical,CA:FALSE"}}};
  const CertificateOptions key_usage_only = {.extensions = {{"keyUsage", "critical,keyCertSign"}}};
  const CertificateOptions cannot_sign = {
      .extensions = {{"basicConstraints", "critical,CA:TRUE"}, {"keyUsage", "critical,digitalSignature"}}};
  for (const CertificateOptions& options : {not_a_ca, key_usage_only, cannot_sign}) {
    const TestCa fake = root_.Intermediate("fake", TestKeyType::kEcP256, options);
    EXPECT_THAT(Validate(Leaf(fake) + fake.certificate(), *trust_), StatusIs(kDenied, StartsWith("[issuer]")));
  }
}

TEST_F(CertificateValidatorTest, KeepsThePathLengthOfAuthorities) {
  const TestCa last = root_.Intermediate(
      "last", TestKeyType::kEcP256,
      {.extensions = {{"basicConstraints", "critical,CA:TRUE,pathlen:0"}, {"keyUsage", "critical,keyCertSign"}}});
  const TestCa beyond = last.Intermediate("beyond");
  EXPECT_OK(Validate(Leaf(last) + last.certificate(), *trust_));
  EXPECT_THAT(Validate(Leaf(beyond) + beyond.certificate() + last.certificate(), *trust_),
              StatusIs(kDenied, AllOf(StartsWith("[issuer]"), HasSubstr("path length"))));
}

TEST_F(CertificateValidatorTest, RefusesUnknownCriticalExtensions) {
  EXPECT_THAT(Validate(Leaf(root_, {.extensions = {{"1.2.3.4", "critical,DER:0500"}}}), *trust_),
              StatusIs(kDenied, AllOf(StartsWith("[critical_extension]"), HasSubstr("critical extension 1.2.3.4"))));
  EXPECT_OK(Validate(Leaf(root_, {.extensions = {{"1.2.3.4", "DER:0500"}}}), *trust_));
}

TEST_F(CertificateValidatorTest, RefusesWeakHashesOnThePath) {
  EXPECT_THAT(Validate(Leaf(root_, {.hash = "SHA1"}), *trust_), StatusIs(kDenied, StartsWith("[key_strength]")));
}

TEST_F(CertificateValidatorTest, RefusesDatesOutsideTheValidity) {
  const absl::Time now = absl::Now();
  EXPECT_THAT(Validate(Leaf(root_, {.not_after = now - absl::Seconds(10)}), *trust_),
              StatusIs(kDenied, AllOf(StartsWith("[expired]"), HasSubstr("CN=participant,O=Lab expired at 2"))));
  EXPECT_THAT(Validate(Leaf(root_, {.not_before = now + absl::Hours(1)}), *trust_),
              StatusIs(kDenied, AllOf(StartsWith("[not_yet_valid]"), HasSubstr("CN=participant,O=Lab"))));
  const TestCa old = root_.Intermediate("old", TestKeyType::kEcP256, {.not_after = now - absl::Hours(1)});
  EXPECT_THAT(Validate(Leaf(old) + old.certificate(), *trust_),
              StatusIs(kDenied, AllOf(StartsWith("[expired]"), HasSubstr("at CN=old,O=Lab"))));
  const TestCa old_root = TestCa::Root("old root", TestKeyType::kEcP256, {.not_after = now - absl::Hours(1)});
  EXPECT_THAT(Validate(Leaf(old_root), *Trust({&old_root})), StatusIs(kDenied, StartsWith("[expired]")));
  // The leaf's own dates are said before anything about its issuer.
  EXPECT_THAT(Validate(Leaf(foreign_, {.not_after = now - absl::Hours(1)}), *trust_),
              StatusIs(kDenied, StartsWith("[expired]")));
}

TEST_F(CertificateValidatorTest, S13RefusesDocumentsOutsideItsLimits) {
  const std::string leaf = Leaf(root_);
  const auto format = StatusIs(kInvalid, StartsWith("[certificate_format]"));
  std::string ten = leaf;
  for (int i = 0; i < 9; ++i) ten += root_.certificate();
  EXPECT_OK(Validate(ten, *trust_));
  EXPECT_THAT(Validate(ten + root_.certificate(), *trust_), format);
  EXPECT_OK(Validate(leaf + std::string(16 * 1024 - leaf.size(), ' '), *trust_));
  EXPECT_THAT(Validate(leaf + std::string(16 * 1024 - leaf.size() + 1, ' '), *trust_), format);
  EXPECT_THAT(Validate("", *trust_), format);
  EXPECT_THAT(Validate(key_.pem(), *trust_), format);
  EXPECT_THAT(Validate(leaf + key_.pem(), *trust_), format);
  EXPECT_THAT(Validate(test::MalformedPem(leaf), *trust_), format);
}

TEST_F(CertificateValidatorTest, S13RefusesEveryOtherKey) {
  for (const TestKeyType bad : {TestKeyType::kRsa1024, TestKeyType::kRsaExponent3, TestKeyType::kEcP521,
                                TestKeyType::kEcExplicit, TestKeyType::kEd25519}) {
    EXPECT_THAT(Validate(root_.Issue(TestKey::Generate(bad).public_key()), *trust_),
                StatusIs(kInvalid, StartsWith("[key_type]")));
  }
  const TestCa weak = root_.Intermediate("weak", TestKeyType::kRsa1024);
  EXPECT_THAT(Validate(Leaf(weak) + weak.certificate(), *trust_),
              StatusIs(kInvalid, AllOf(StartsWith("[key_type]"), HasSubstr("CN=weak,O=Lab"))));
}

TEST_F(CertificateValidatorTest, EscapesSubjectsInRefusals) {
  EXPECT_THAT(Validate(Leaf(foreign_, {.subject = {{"CN", "x\n[ok] forged"}}}), *trust_),
              StatusIs(kDenied, HasSubstr("CN=x\\0A[ok] forged")));
}

}  // namespace
}  // namespace ddskey
