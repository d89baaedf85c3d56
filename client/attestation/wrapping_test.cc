#include "client/attestation/wrapping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>

#include "client/attestation/credential.h"
#include "client/attestation/tpm_structures.h"
#include "test/support/forged_tpm.h"
#include "test/support/pki.h"
#include "test/support/status_matchers.h"

namespace ddskey::attestation {
namespace {

using test::ForgedTpm;
using test::IsOkAndHolds;
using test::StatusIs;
using test::TestKeyType;
using ::testing::HasSubstr;
using ::testing::Not;

class WrappingTest : public ::testing::TestWithParam<TestKeyType> {
 protected:
  Verdict VerdictOf(const ForgedTpm& tpm) const {
    Expectations expectations;
    expectations.nonce = std::string(32, 'n');
    expectations.trust.roots = tpm.roots();
    return *Verify(tpm.Sign(tpm.Good()), expectations, absl::Now());
  }
  std::optional<std::string> SecretOf(const ForgedTpm& tpm, const v1::WrappedDocument& wrapped) const {
    return tpm.Activate(wrapped.credential(), wrapped.encrypted_seed(), NameOf(tpm.Good().ak));
  }

  const ForgedTpm tpm_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(EndorsementKeys, WrappingTest, ::testing::Values(TestKeyType::kRsa2048, TestKeyType::kEcP256));

TEST_P(WrappingTest, S11OnlyTheTpmWithTheKeyOpensIt) {
  ASSERT_OK_AND_ASSIGN(const v1::WrappedDocument made, Wrap(VerdictOf(tpm_), "talker", kCertificate, "a certificate"));
  EXPECT_THAT(made.ciphertext(), Not(HasSubstr("certificate")));
  ASSERT_OK_AND_ASSIGN(const v1::WrappedDocument wrapped, ParseWrapped(made.SerializeAsString()));
  const auto secret = SecretOf(tpm_, wrapped);
  ASSERT_TRUE(secret.has_value());
  EXPECT_THAT(Unwrap(wrapped, "talker", kCertificate, *secret), IsOkAndHolds("a certificate"));

  EXPECT_FALSE(SecretOf(ForgedTpm(GetParam()), wrapped).has_value()) << "another TPM, with another key";
  EXPECT_FALSE(tpm_.Activate(wrapped.credential(), wrapped.encrypted_seed(), NameOf(tpm_.Good().key)).has_value())
      << "the same TPM, with another object";
  EXPECT_THAT(Unwrap(wrapped, "talker", kCertificate, std::string(32, 'x')),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("altered")));
  EXPECT_FALSE(Unwrap(wrapped, "talker", kCertificate, "").ok());
}

TEST_P(WrappingTest, S11EachIsEncryptedUnderASecretOfItsOwn) {
  const Verdict verdict = VerdictOf(tpm_);
  std::set<std::string> seen;
  for (int i = 0; i < 4; ++i) {
    ASSERT_OK_AND_ASSIGN(const v1::WrappedDocument wrapped, Wrap(verdict, "talker", kChallenge, "the same"));
    EXPECT_TRUE(seen.insert(wrapped.encrypted_seed()).second);
    EXPECT_TRUE(seen.insert(wrapped.ciphertext()).second);
    EXPECT_TRUE(seen.insert(*SecretOf(tpm_, wrapped)).second);
  }
}

TEST_P(WrappingTest, S11RefusesWhatWasAlteredOrIsForAnother) {
  ASSERT_OK_AND_ASSIGN(const v1::WrappedDocument wrapped, Wrap(VerdictOf(tpm_), "talker", kCertificate, "document"));
  const std::string secret = *SecretOf(tpm_, wrapped);
  EXPECT_THAT(Unwrap(wrapped, "listener", kCertificate, secret),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("for the key \"talker\"")));
  EXPECT_THAT(Unwrap(wrapped, "talker", kChallenge, secret),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("a certificate, not a challenge")));
  v1::WrappedDocument altered = wrapped;
  altered.set_kind(std::string(kChallenge));
  EXPECT_THAT(Unwrap(altered, "talker", kChallenge, secret),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("altered")));
  altered = wrapped;
  altered.set_identity("listener");
  EXPECT_FALSE(Unwrap(altered, "listener", kCertificate, secret).ok());
  for (std::string* const field : {altered.mutable_iv(), altered.mutable_ciphertext(), altered.mutable_tag()}) {
    altered.set_identity("talker");
    (*field)[0] ^= 1;
    EXPECT_FALSE(Unwrap(altered, "talker", kCertificate, secret).ok());
    (*field)[0] ^= 1;
    EXPECT_OK(Unwrap(altered, "talker", kCertificate, secret));
  }
  for (std::string* const field : {altered.mutable_credential(), altered.mutable_encrypted_seed()}) {
    for (size_t at = 0; at < field->size(); at += 7) {
      // The size of the HMAC is not looked at by the test's TPM.
      if (at < 2 && field == altered.mutable_credential()) continue;
      (*field)[at] ^= 1;
      EXPECT_FALSE(SecretOf(tpm_, altered).has_value()) << at;
      (*field)[at] ^= 1;
    }
  }
}

TEST_P(WrappingTest, RefusesFilesThatAreNone) {
  ASSERT_OK_AND_ASSIGN(v1::WrappedDocument wrapped, Wrap(VerdictOf(tpm_), "talker", kCertificate, "document"));
  EXPECT_FALSE(ParseWrapped("").ok());
  EXPECT_FALSE(ParseWrapped(wrapped.SerializeAsString() + "\xa0\x06\x01").ok());
  wrapped.set_tag("short");
  EXPECT_FALSE(ParseWrapped(wrapped.SerializeAsString()).ok());
  EXPECT_FALSE(Wrap(VerdictOf(tpm_), "talker", kCertificate, std::string(65537, 'x')).ok());
}

TEST(TokenTest, S11BelongsToOneAnswerAndOneBundle) {
  EXPECT_EQ(Token("answer", "bundle"), Token("answer", "bundle"));
  EXPECT_NE(Token("answer", "bundle"), Token("answer", "another"));
  EXPECT_NE(Token("answer", "bundle"), Token("guess", "bundle"));
}

TEST(CredentialTest, MakesSecretsOfAnyLengthThatATpmTakes) {
  const ForgedTpm tpm;
  for (const size_t size : {1, 16, 32}) {
    ASSERT_OK_AND_ASSIGN(const Credential credential,
                         MakeCredential(tpm.endorsement().get(), "name", std::string(size, 's')));
    EXPECT_EQ(tpm.Activate(credential.credential, credential.encrypted_seed, "name"), std::string(size, 's'));
  }
  EXPECT_FALSE(MakeCredential(tpm.endorsement().get(), "name", "").ok());
  EXPECT_FALSE(MakeCredential(tpm.endorsement().get(), "name", std::string(33, 's')).ok());
}

}  // namespace
}  // namespace ddskey::attestation
