// What Pkcs11Backend makes of a token that goes away, refuses, lies or hangs. That it is a KeyBackend:
// test/conformance.
#include "daemon/backend/pkcs11/pkcs11_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "daemon/backend/crypto_library.h"
#include "proto/contract/secret_access.h"
#include "test/fakes/fake_token.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using test::StatusIs;
using test::WaitFor;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr SignatureScheme kScheme = SignatureScheme::kEcdsaSha256;
const std::string kDigest(32, 'd');

class Pkcs11BackendTest : public ::testing::Test {
 protected:
  using SignFuture = std::future<absl::StatusOr<Signature>>;

  static std::shared_ptr<const SecretBytes> Pin(const std::string& text) {
    SecretBytes pin = *SecretBytes::Allocate(text.size());
    std::ranges::copy(text, pin.Reveal(SecretAccess()).begin());
    return std::make_shared<const SecretBytes>(std::move(pin));
  }
  static WorkOptions In(std::chrono::nanoseconds time) { return {std::chrono::steady_clock::now() + time}; }

  // Make starts a backend with a PIN, none if empty.
  void Make(const std::string& pin = "1234", milliseconds probe = milliseconds(20)) {
    backend_.reset();
    Pkcs11Backend::Options options;
    if (!pin.empty()) options.pin = Pin(pin);
    options.probe_interval = probe;
    backend_ = *Pkcs11Backend::Create(std::make_unique<test::FakeToken>(hsm_), std::move(options));
  }
  // With changes the device, or looks at it.
  template <typename Change>
  auto With(Change change) {
    const std::lock_guard lock(hsm_->mutex);
    return change(*hsm_);
  }

  absl::StatusOr<SealedKey> Create(KeyAlgorithm algorithm = KeyAlgorithm::kEcP256) {
    std::promise<absl::StatusOr<SealedKey>> made;
    backend_->SubmitCreate(algorithm, KeyPurpose::kHandshake, In(minutes(1)),
                           [&](absl::StatusOr<SealedKey> key) { made.set_value(std::move(key)); });
    return made.get_future().get();
  }
  absl::StatusOr<SealedKey> Adopt(const std::string& label, KeyPurpose purpose = KeyPurpose::kHandshake) {
    std::promise<absl::StatusOr<SealedKey>> made;
    ForeignKey key;
    key.token_label = label;
    backend_->SubmitImport(std::move(key), purpose, In(minutes(1)),
                           [&](absl::StatusOr<SealedKey> taken) { made.set_value(std::move(taken)); });
    return made.get_future().get();
  }
  SignFuture Submit(const SealedKey& key, std::chrono::nanoseconds time = minutes(1)) {
    auto done = std::make_shared<std::promise<absl::StatusOr<Signature>>>();
    backend_->SubmitSign(key, kScheme, kDigest, In(time),
                         [done](absl::StatusOr<Signature> signature) { done->set_value(std::move(signature)); });
    return done->get_future();
  }
  absl::StatusOr<Signature> Sign(const SealedKey& key) { return Submit(key).get(); }
  absl::Status Unlock(const std::string& pin, AuthKind kind = AuthKind::kPin,
                      std::chrono::nanoseconds time = minutes(1)) {
    std::promise<absl::Status> unlocked;
    backend_->SubmitUnlock(kind, Pin(pin), In(time), [&](const absl::Status& status) { unlocked.set_value(status); });
    return unlocked.get_future().get();
  }
  bool Healthy() {
    return WaitFor([&] { return backend_->Health().healthy; });
  }
  bool Problem(const std::string& part) {
    return WaitFor([&] { return backend_->Health().problem.find(part) != std::string::npos; });
  }

  const std::shared_ptr<test::FakeHsm> hsm_ = std::make_shared<test::FakeHsm>();
  const std::unique_ptr<CryptoLibrary> library_ = *CryptoLibrary::Create();
  std::unique_ptr<Pkcs11Backend> backend_;
};

TEST_F(Pkcs11BackendTest, ATokenThatTakesItsTimeIsNoThreadThatHangs) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  With([](auto& hsm) { hsm.holds = true; });
  std::vector<SignFuture> late;
  for (size_t i = 0; i < hsm_->state.sessions; ++i) late.push_back(Submit(key, milliseconds(50)));
  ASSERT_TRUE(WaitFor([&] { return backend_->Health().queue_length == 0; }));
  for (SignFuture& signature : late) {
    EXPECT_THAT(signature.get(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  }
  SignFuture waiting = Submit(key);
  const auto until = std::chrono::steady_clock::now() + milliseconds(50);
  while (std::chrono::steady_clock::now() < until) {
    const BackendHealth health = backend_->Health();
    ASSERT_EQ(health.queue_length, 1u);
    ASSERT_EQ(health.stalled.count(), 0);
  }
  With([](auto& hsm) { hsm.holds = false; });
  EXPECT_OK(waiting.get());
}

TEST_F(Pkcs11BackendTest, SaysWhichTokenItIs) {
  hsm_->state.warning = "few tries of the PIN are left";
  Make();
  ASSERT_TRUE(Healthy());
  const BackendHealth health = backend_->Health();
  EXPECT_EQ(health.device, "Maker Model, token \"label\", serial 42, 1.0");
  EXPECT_EQ(health.warning, "few tries of the PIN are left");
  EXPECT_THAT(health.waits_for, IsEmpty());
}

TEST_F(Pkcs11BackendTest, HandsOutAsManySignaturesAsTheTokenTakesAtOnce) {
  hsm_->state.sessions = 3;
  Make("1234", milliseconds(0));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  With([](auto& hsm) { hsm.holds = true; });
  std::vector<SignFuture> signatures;
  for (int i = 0; i < 20; ++i) signatures.push_back(Submit(key));
  EXPECT_TRUE(WaitFor([&] { return With([](auto& hsm) { return hsm.under_way == 3; }); }));
  With([](auto& hsm) { hsm.holds = false; });
  for (SignFuture& signature : signatures) EXPECT_OK(signature.get());
  EXPECT_EQ(With([](auto& hsm) { return hsm.most_under_way; }), 3);
}

TEST_F(Pkcs11BackendTest, S12AWrongPinIsComparedOnceWhateverHappens) {
  Make("wrong");
  EXPECT_TRUE(Problem("ddskeyctl backend unlock"));
  EXPECT_THAT(backend_->Health().waits_for, ElementsAre(AuthKind::kPin));
  for (int i = 0; i < 5; ++i) EXPECT_THAT(Create(), StatusIs(kPrecondition));
  EXPECT_THAT(Unlock("wrong"), StatusIs(kPrecondition, HasSubstr("refused this PIN before")));
  EXPECT_THAT(Unlock("a guess"), StatusIs(kPrecondition, HasSubstr("not tried again")));
  EXPECT_THAT(Unlock("a guess"), StatusIs(kPrecondition, HasSubstr("refused this PIN before")));
  EXPECT_THAT(With([](auto& hsm) { return hsm.tried; }), ElementsAre("wrong", "a guess"));

  EXPECT_OK(Unlock("1234"));
  EXPECT_OK(Create());
  EXPECT_TRUE(Healthy());
  EXPECT_THAT(backend_->Health().waits_for, IsEmpty());
  EXPECT_THAT(Unlock("1234"), StatusIs(kPrecondition, HasSubstr("does not wait")));
  EXPECT_THAT(With([](auto& hsm) { return hsm.tried; }), ElementsAre("wrong", "a guess", "1234"));
}

TEST_F(Pkcs11BackendTest, S12APinThatIsNoLongerRightIsComparedOnceWhenTheTokenIsBack) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  With([](auto& hsm) { hsm.away = absl::UnavailableError("the token was removed"); });
  EXPECT_TRUE(Problem("removed"));
  SignFuture first = Submit(key);
  SignFuture second = Submit(key);
  With([](auto& hsm) {
    hsm.pin = "another";
    hsm.tried.clear();
    hsm.away = absl::OkStatus();
  });
  EXPECT_THAT(first.get(), StatusIs(kPrecondition));
  EXPECT_THAT(second.get(), StatusIs(kPrecondition));
  EXPECT_THAT(Sign(key), StatusIs(kPrecondition));
  EXPECT_THAT(Unlock("1234"), StatusIs(kPrecondition));
  EXPECT_THAT(With([](auto& hsm) { return hsm.tried; }), ElementsAre("1234"));
  EXPECT_OK(Unlock("another"));
  EXPECT_OK(Sign(key));
}

TEST_F(Pkcs11BackendTest, S12APinThatWasNotTriedIsNoWrongOne) {
  hsm_->has_one_try = true;
  Make();
  EXPECT_TRUE(Problem("ddskeyctl backend unlock"));
  EXPECT_THAT(Unlock("1234"), StatusIs(kPrecondition, HasSubstr("not tried again")));
  With([](auto& hsm) { hsm.has_one_try = false; });
  EXPECT_OK(Unlock("1234"));
  EXPECT_THAT(With([](auto& hsm) { return hsm.tried; }), ElementsAre("1234"));
}

TEST_F(Pkcs11BackendTest, WaitsForThePinOfATokenThatNeedsOne) {
  Make("");
  EXPECT_TRUE(Problem("ddskeyctl backend unlock"));
  EXPECT_THAT(backend_->Health().waits_for, ElementsAre(AuthKind::kPin));
  EXPECT_THAT(Unlock("1234", AuthKind::kOwner), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(Unlock(std::string(256, '1')), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_OK(Unlock("1234"));
  EXPECT_OK(Create());
}

TEST_F(Pkcs11BackendTest, UsesATokenThatNeedsNoPin) {
  hsm_->pin.clear();
  Make("");
  EXPECT_OK(Create());
}

TEST_F(Pkcs11BackendTest, APinThatIsGivenWhileTheTokenIsAwayIsComparedWhenItIsBack) {
  With([](auto& hsm) { hsm.away = absl::NotFoundError("there is no such token"); });
  Make("");
  EXPECT_TRUE(Problem("no such token"));
  EXPECT_THAT(Unlock("1234", AuthKind::kPin, milliseconds(50)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  std::promise<absl::Status> unlocked;
  backend_->SubmitUnlock(AuthKind::kPin, Pin("1234"), In(minutes(1)),
                         [&](const absl::Status& status) { unlocked.set_value(status); });
  With([](auto& hsm) { hsm.away = absl::OkStatus(); });
  EXPECT_OK(unlocked.get_future().get());
  EXPECT_OK(Create());
}

TEST_F(Pkcs11BackendTest, WorkWaitsForATokenThatIsAwayUntilItsDeadline) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  With([](auto& hsm) { hsm.away = absl::UnavailableError("the token was removed"); });
  EXPECT_THAT(Submit(key, milliseconds(50)).get(),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("the token was removed")));
  std::vector<SignFuture> signatures;
  for (int i = 0; i < 20; ++i) signatures.push_back(Submit(key));
  EXPECT_FALSE(backend_->Health().healthy);
  EXPECT_EQ(backend_->Recognize(key.blob), Recognition::kOwn) << "as far as is known";
  With([](auto& hsm) { hsm.away = absl::OkStatus(); });
  for (SignFuture& signature : signatures) EXPECT_OK(signature.get());
  EXPECT_TRUE(Healthy());
}

TEST_F(Pkcs11BackendTest, FindsATokenThatComesLater) {
  With([](auto& hsm) { hsm.away = absl::NotFoundError("there is no such token"); });
  Make();
  EXPECT_TRUE(Problem("no such token"));
  EXPECT_THAT(backend_->algorithms(), IsEmpty());
  With([](auto& hsm) { hsm.away = absl::OkStatus(); });
  EXPECT_TRUE(Healthy());
  EXPECT_THAT(backend_->algorithms(), SizeIs(4));
}

TEST_F(Pkcs11BackendTest, GivesOutNoWrongSignature) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  With([](auto& hsm) { hsm.wrong = 1; });
  ASSERT_OK_AND_ASSIGN(const Signature signature, Sign(key));
  const auto public_key = *library_->ParsePublicKeyInfo(key.algorithm, key.public_key);
  EXPECT_OK(library_->Verify(*public_key, kScheme, kDigest, signature));
  EXPECT_TRUE(backend_->Health().healthy);

  With([](auto& hsm) { hsm.wrong = 2; });
  EXPECT_THAT(Sign(key), StatusIs(absl::StatusCode::kInternal, HasSubstr("wrong signatures")));
  EXPECT_THAT(backend_->Health().problem, HasSubstr("wrong signatures"));
  EXPECT_EQ(backend_->Health().signatures, 1U);
  EXPECT_OK(Sign(key));
  EXPECT_TRUE(Healthy());
}

TEST_F(Pkcs11BackendTest, GivesUpAWorkAtWhichTheTokenGoesAwayAgainAndAgain) {
  Make("1234", milliseconds(0));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  With([](auto& hsm) { hsm.losses = 100; });
  EXPECT_THAT(Sign(key), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("crashed")));
  EXPECT_EQ(With([](auto& hsm) { return std::exchange(hsm.losses, 0); }), 95);
  EXPECT_OK(Sign(key));
}

TEST_F(Pkcs11BackendTest, AModuleThatDoesNotAnswerIsAskedOnceMore) {
  Make("1234", milliseconds(0));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  With([](auto& hsm) { hsm.next_call = absl::DeadlineExceededError("the module did not answer"); });
  const int before = With([](auto& hsm) { return hsm.opens; });
  EXPECT_OK(Sign(key));
  EXPECT_EQ(With([](auto& hsm) { return hsm.opens; }), before + 1) << "it was opened anew";
}

TEST_F(Pkcs11BackendTest, KnowsItsKeysUnderWhateverNameAndRefusesThoseOfAnotherToken) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  EXPECT_EQ(backend_->Recognize(key.blob), Recognition::kOwn);
  EXPECT_EQ(backend_->Recognize("nonsense"), Recognition::kForeign);
  With([](auto& hsm) { hsm.state.serial = "43"; });
  EXPECT_TRUE(WaitFor([&] { return backend_->Recognize(key.blob) == Recognition::kForeign; }));
  EXPECT_THAT(Sign(key), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("another token")));
  With([](auto& hsm) { hsm.away = absl::NotFoundError("there is no such token"); });
  Make();
  EXPECT_EQ(backend_->Recognize(key.blob), Recognition::kUnknown);
}

TEST_F(Pkcs11BackendTest, AKeyThatWasRemovedIsLostAndSaidToBe) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  auto kept = With([](auto& hsm) { return std::exchange(hsm.keys, {}); });
  EXPECT_THAT(Sign(key), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no such key any more")));
  EXPECT_THAT(backend_->KeyProblem(key.public_key), HasSubstr("no such key any more"));
  EXPECT_TRUE(backend_->Health().healthy);
  With([&](auto& hsm) { hsm.keys = std::move(kept); });
  EXPECT_OK(Sign(key));
  EXPECT_EQ(backend_->KeyProblem(key.public_key), "");
}

TEST_F(Pkcs11BackendTest, S1LabelsOfKeysSayWhatTheyAreFor) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  const auto told = With([](auto& hsm) { return hsm.keys.begin()->second.told; });
  EXPECT_THAT(told.label, AllOf(HasSubstr("ddskey handshake "), SizeIs(17 + 32)));
  EXPECT_THAT(told.id, SizeIs(16));
  EXPECT_THAT(Adopt(told.label, KeyPurpose::kDigest),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("handshake")));
  ASSERT_OK_AND_ASSIGN(const SealedKey again, Adopt(told.label));
  EXPECT_EQ(again.blob, key.blob);
}

TEST_F(Pkcs11BackendTest, AdoptsKeysThatAreThereAndWarnsOfThoseThatCanBeRead) {
  Make();
  ASSERT_OK(Create());
  With([](auto& hsm) { hsm.keys.begin()->second.told.label = "mine"; });
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Adopt("mine", KeyPurpose::kDigest));
  EXPECT_EQ(key.purpose, KeyPurpose::kDigest);
  EXPECT_EQ(key.warning, "");
  EXPECT_OK(Sign(key));
  With([](auto& hsm) { hsm.keys.begin()->second.told.is_unreadable = false; });
  ASSERT_OK_AND_ASSIGN(const SealedKey readable, Adopt("mine", KeyPurpose::kDigest));
  EXPECT_THAT(readable.warning, HasSubstr("CKA_NEVER_EXTRACTABLE"));
  EXPECT_THAT(Adopt("other"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Adopt(std::string(65, 'x')), StatusIs(absl::StatusCode::kInvalidArgument));
  const auto other = *library_->Generate(KeyAlgorithm::kEcP256);
  With([&](auto& hsm) { hsm.keys.begin()->second.told.public_key = *library_->PublicKeyInfo(*other); });
  EXPECT_THAT(Adopt("mine"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("public key beside it")));
}

TEST_F(Pkcs11BackendTest, KeepsNoKeyThatTheTokenMadeReadable) {
  hsm_->makes_readable = true;
  Make();
  EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kInternal, HasSubstr("removed again")));
  EXPECT_TRUE(WaitFor([&] { return With([](auto& hsm) { return hsm.keys.empty(); }); }));
}

TEST_F(Pkcs11BackendTest, MakesNoKeyThatNobodyWaitsForAnyMore) {
  Make("1234", milliseconds(0));
  ASSERT_TRUE(Healthy());
  With([](auto& hsm) { hsm.holds = true; });
  std::promise<absl::Status> late;
  backend_->SubmitCreate(KeyAlgorithm::kEcP256, KeyPurpose::kHandshake, In(milliseconds(50)),
                         [&](const absl::StatusOr<SealedKey>& key) { late.set_value(key.status()); });
  EXPECT_THAT(late.get_future().get(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  With([](auto& hsm) { hsm.holds = false; });
  ASSERT_OK(Create());
  EXPECT_TRUE(WaitFor([&] { return With([](auto& hsm) { return hsm.keys.size() == 1; }); }));
}

TEST_F(Pkcs11BackendTest, EndsWithWorkThatTheTokenHas) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  With([](auto& hsm) { hsm.holds = true; });
  std::vector<SignFuture> signatures;
  for (int i = 0; i < 20; ++i) signatures.push_back(Submit(key));
  EXPECT_TRUE(WaitFor([&] { return With([](auto& hsm) { return hsm.under_way == 4; }); }));
  backend_.reset();
  for (SignFuture& signature : signatures) {
    EXPECT_THAT(signature.get(), StatusIs(absl::StatusCode::kCancelled));
  }
}

}  // namespace
}  // namespace ddskey
