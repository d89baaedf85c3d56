#include "daemon/backend/pkcs11/helper_token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <vector>

#include "daemon/backend/pkcs11/helper_token_fixture.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/softhsm.h"
#include "test/support/status_matchers.h"

namespace ddskey::pkcs11 {
namespace {

using ::ddskey::test::IsOk;
using ::ddskey::test::IsOkAndHolds;
using ::ddskey::test::SoftHsm;
using ::ddskey::test::StatusIs;
using ::ddskey::test::TestKey;
using ::ddskey::test::TestKeyType;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;

const std::string kDigest32(32, 'd');
const std::string kDigest48(48, 'd');

std::vector<SignatureScheme> SchemesOf(KeyAlgorithm algorithm) {
  if (!IsRsa(algorithm)) return {SignatureScheme::kEcdsaSha256, SignatureScheme::kEcdsaSha384};
  return {SignatureScheme::kRsaPssSha256, SignatureScheme::kRsaPkcs1Sha256, SignatureScheme::kRsaPssSha384,
          SignatureScheme::kRsaPkcs1Sha384};
}

const std::string& DigestFor(SignatureScheme scheme) { return UsesSha384(scheme) ? kDigest48 : kDigest32; }

TEST(HelperTokenTest, MakesKeysInsideThatSignWithEachSchemeAndCanBeFoundAndRemoved) {
  const SoftHsm hsm;
  const std::string serial = hsm.AddToken("robot", kPin);
  Patient token(SoftHsmOptions(hsm));
  ASSERT_OK_AND_ASSIGN(const TokenState state, token.Open());
  EXPECT_EQ(state.label, "robot");
  EXPECT_EQ(state.serial, serial);
  EXPECT_THAT(state.manufacturer, HasSubstr("SoftHSM"));
  EXPECT_EQ(state.sessions, kMaxSessions);
  EXPECT_THAT(state.algorithms, ElementsAre(KeyAlgorithm::kEcP256, KeyAlgorithm::kEcP384, KeyAlgorithm::kRsa2048,
                                            KeyAlgorithm::kRsa3072));
  for (const KeyAlgorithm algorithm : state.algorithms) {
    const std::string name(AlgorithmName(algorithm));
    SCOPED_TRACE(name);
    ASSERT_OK_AND_ASSIGN(const TokenKey key, token.Create(algorithm, "id-" + name, name));
    EXPECT_TRUE(key.was_made_inside);
    EXPECT_TRUE(key.is_unreadable);
    ASSERT_OK_AND_ASSIGN(const TokenKey found, token.Find(name));
    EXPECT_EQ(found.id, "id-" + name);
    EXPECT_EQ(found.public_key, key.public_key);
    EXPECT_TRUE(found.was_made_inside);
    for (const SignatureScheme scheme : SchemesOf(algorithm)) {
      ASSERT_OK_AND_ASSIGN(const Signature signature, token.Sign(key.id, scheme, DigestFor(scheme)));
      EXPECT_TRUE(Verifies(key, scheme, DigestFor(scheme), signature)) << static_cast<int>(scheme);
    }
    EXPECT_OK(token.Destroy(key.id));
    EXPECT_THAT(token.Sign(key.id, SchemesOf(algorithm)[0], kDigest32), StatusIs(absl::StatusCode::kNotFound));
    EXPECT_THAT(token.Destroy(key.id), StatusIs(absl::StatusCode::kNotFound));
  }
}

TEST(HelperTokenTest, AnswersUnavailableUntilItIsOpened) {
  const SoftHsm hsm;
  hsm.AddToken("robot", kPin);
  Patient token(SoftHsmOptions(hsm));
  EXPECT_THAT(token.Find("key"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(token->process(), 0);
  ASSERT_OK(token.Open());
  EXPECT_NE(token->process(), 0);
  EXPECT_THAT(token.Find("key"), StatusIs(absl::StatusCode::kNotFound));
}

TEST(HelperTokenTest, FindsATokenByLabelOrSerialNumberAndRefusesToGuess) {
  const SoftHsm hsm;
  hsm.AddToken("one", kPin);
  const std::string serial = hsm.AddToken("two", kPin);
  hsm.AddToken("one", kPin);
  HelperOptions options = SoftHsmOptions(hsm);
  EXPECT_THAT(Patient(options).Open(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("3 such tokens")));
  options.label = "one";
  EXPECT_THAT(Patient(options).Open(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("2 such tokens")));
  options.label = "two";
  EXPECT_THAT(Patient(options).Open(), IsOkAndHolds(Field(&TokenState::serial, serial)));
  options.label = "three";
  EXPECT_THAT(Patient(options).Open(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("it has ")));
  options.label = "";
  options.serial = serial;
  EXPECT_THAT(Patient(options).Open(), IsOkAndHolds(Field(&TokenState::label, "two")));
  options.serial = "";
  options.module = std::string("pkcs11:token=two?module-path=") + test::kSoftHsmModule;
  EXPECT_THAT(Patient(options).Open(), IsOkAndHolds(Field(&TokenState::serial, serial)));
  options.module = "pkcs11:token=two?module-name=softhsm2";
  EXPECT_THAT(Patient(options).Open(), IsOkAndHolds(Field(&TokenState::serial, serial)));
}

TEST(HelperTokenTest, ServesSeveralTokensOfOneModuleAtOnce) {
  const SoftHsm hsm;
  hsm.AddToken("one", kPin);
  hsm.AddToken("two", "98765");
  HelperOptions options = SoftHsmOptions(hsm);
  options.label = "one";
  Patient one(options);
  options.label = "two";
  Patient two(options);
  ASSERT_OK(one.Open());
  ASSERT_OK(two.Open("98765"));
  ASSERT_OK_AND_ASSIGN(const TokenKey key, one.Create(KeyAlgorithm::kEcP256, "a", "arm"));
  EXPECT_THAT(two.Find("arm"), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK_AND_ASSIGN(const TokenKey other, two.Create(KeyAlgorithm::kEcP256, "a", "arm"));
  EXPECT_NE(key.public_key, other.public_key);
}

TEST(HelperTokenTest, FindsKeysThatWereMadeElsewhere) {
  const SoftHsm hsm;
  hsm.AddToken("robot", kPin);
  for (const auto& [type, label] : std::vector<std::pair<TestKeyType, std::string>>{
           {TestKeyType::kEcP256, "ec"}, {TestKeyType::kRsa2048, "rsa"}, {TestKeyType::kEcP521, "large"}}) {
    const TestKey key = TestKey::Generate(type);
    hsm.Import("robot", kPin, key.pem(), label, label == "ec" ? "01" : label == "rsa" ? "02" : "03");
    if (label == "ec") hsm.Import("robot", kPin, TestKey::Generate().pem(), "twice", "04");
  }
  hsm.Import("robot", kPin, TestKey::Generate().pem(), "twice", "05");
  Patient token(SoftHsmOptions(hsm));
  ASSERT_OK(token.Open());
  ASSERT_OK_AND_ASSIGN(const TokenKey key, token.Find("ec"));
  EXPECT_EQ(key.id, "\x01");
  EXPECT_FALSE(key.was_made_inside);
  EXPECT_FALSE(key.is_unreadable);
  ASSERT_OK_AND_ASSIGN(const Signature signature, token.Sign(key.id, SignatureScheme::kEcdsaSha256, kDigest32));
  EXPECT_TRUE(Verifies(key, SignatureScheme::kEcdsaSha256, kDigest32, signature));
  EXPECT_THAT(token.Find("rsa"), IsOkAndHolds(Field(&TokenKey::algorithm, KeyAlgorithm::kRsa2048)));
  EXPECT_THAT(token.Find("large"), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("P-256")));
  EXPECT_THAT(token.Find("twice"), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("several")));
}

TEST(HelperTokenTest, SaysWhatIsWrongWithThePin) {
  const SoftHsm hsm;
  hsm.AddToken("robot", kPin);
  Patient token(SoftHsmOptions(hsm));
  const auto refused = token.Open("4321");
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(refused.status().GetPayload(kPinRefused), absl::Cord("wrong"));
  EXPECT_THAT(token.Find("key"), StatusIs(absl::StatusCode::kUnavailable));
  const auto missing = token.Open("");
  EXPECT_THAT(missing, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("wants a PIN")));
  EXPECT_EQ(missing.status().GetPayload(kPinRefused), absl::Cord("missing"));
  EXPECT_OK(token.Open());
  // Nobody asks for it any more.
  EXPECT_OK(token.Open("4321"));
  EXPECT_THAT(token.Find("key"), StatusIs(absl::StatusCode::kNotFound));
}

TEST(HelperTokenTest, SignsForManyCallersAtOnce) {
  const SoftHsm hsm;
  hsm.AddToken("robot", kPin);
  Patient token(SoftHsmOptions(hsm));
  ASSERT_OK(token.Open());
  ASSERT_OK_AND_ASSIGN(const TokenKey key, token.Create(KeyAlgorithm::kEcP256, "a", "arm"));
  constexpr int kCalls = 200;
  std::atomic<int> left = kCalls;
  std::atomic<int> good = 0;
  for (int i = 0; i < kCalls; ++i) {
    std::string digest(32, static_cast<char>(i));
    token->Sign(key.id, SignatureScheme::kEcdsaSha256, digest, token.Deadline(),
                [&key, &left, &good, digest](const absl::StatusOr<Signature>& signature) {
                  if (signature.ok() && Verifies(key, SignatureScheme::kEcdsaSha256, digest, *signature)) ++good;
                  --left;
                });
  }
  EXPECT_TRUE(test::WaitFor([&left] { return left == 0; }));
  EXPECT_EQ(good, kCalls);
}

TEST(HelperTokenTest, CancelsWhatIsLeftAndEndsTheProcess) {
  const SoftHsm hsm;
  hsm.AddToken("robot", kPin);
  Patient token(SoftHsmOptions(hsm));
  ASSERT_OK(token.Open());
  const pid_t process = token->process();
  std::promise<absl::Status> promise;
  token->Create(KeyAlgorithm::kRsa3072, "a", "arm", token.Deadline(),
                [&promise](const absl::StatusOr<TokenKey>& key) { promise.set_value(key.status()); });
  token.Close();
  EXPECT_THAT(promise.get_future().get(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_NE(kill(process, 0), 0);
}

TEST(HelperTokenTest, SaysWhyAModuleCannotBeLoaded) {
  const SoftHsm hsm;
  HelperOptions options = SoftHsmOptions(hsm);
  EXPECT_THAT(Patient(options).Open(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no other")));
  options.module = "/nowhere/module.so";
  EXPECT_THAT(Patient(options).Open(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("/nowhere")));
  options.helper = "/nowhere/helper";
  EXPECT_THAT(Patient(options).Open(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("cannot be started")));
}

TEST(HelperTokenTest, RefusesOptionsThatCannotBe) {
  const auto refusal = [](const std::function<void(HelperOptions&)>& change) {
    HelperOptions options;
    options.module = test::kSoftHsmModule;
    change(options);
    return HelperToken::Create(options).status();
  };
  EXPECT_OK(refusal([](HelperOptions&) {}));
  EXPECT_THAT(refusal([](HelperOptions& o) { o.module = ""; }), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(refusal([](HelperOptions& o) { o.socket = "/run/x"; }), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(refusal([](HelperOptions& o) { o.sessions = 0; }), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(refusal([](HelperOptions& o) { o.sessions = 9; }), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(refusal([](HelperOptions& o) { o.helper = "x"; }), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(refusal([](HelperOptions& o) { o.environment = {"X"}; }), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(refusal([](HelperOptions& o) { o.call_deadline = std::chrono::hours(1); }),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace ddskey::pkcs11
