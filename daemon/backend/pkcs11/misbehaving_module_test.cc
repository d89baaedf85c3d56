// What becomes of calls when the module hangs, crashes or lies: each time the documented status, and all is well after
// the next Open.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <string>
#include <vector>

#include "daemon/backend/pkcs11/helper_token_fixture.h"
#include "daemon/backend/pkcs11/misbehaving_fixture.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"

namespace ddskey::pkcs11 {
namespace {

using ::ddskey::test::IsOkAndHolds;
using ::ddskey::test::StatusIs;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::Field;
using ::testing::HasSubstr;

const std::string kDigest(32, 'd');

class MisbehavingModuleTest : public ::testing::Test {
 protected:
  MisbehavingModuleTest() : token_(hsm_.options()) {}

  void OpenWithKey() {
    ASSERT_OK(token_.Open());
    ASSERT_OK_AND_ASSIGN(key_, token_.Create(KeyAlgorithm::kEcP256, "a", "arm"));
  }

  absl::StatusOr<Signature> Sign() { return token_.Sign("a", SignatureScheme::kEcdsaSha256, kDigest); }

  // The module behaves again, and the token works as soon as it is opened.
  void ExpectRecovery() {
    hsm_.Tell("");
    ASSERT_OK(token_.Open());
    ASSERT_OK_AND_ASSIGN(const Signature signature, Sign());
    EXPECT_TRUE(Verifies(key_, SignatureScheme::kEcdsaSha256, kDigest, signature));
  }

  MisbehavingHsm hsm_;
  Patient token_;
  TokenKey key_;
};

TEST_F(MisbehavingModuleTest, S15EndsAModuleThatHangsAndLosesOnlyWhatWasUnderWay) {
  OpenWithKey();
  const pid_t before = token_->process();
  hsm_.Tell("sign:hang!");
  const auto begin = std::chrono::steady_clock::now();
  std::promise<absl::Status> hung;
  token_->Sign("a", SignatureScheme::kEcdsaSha256, kDigest, token_.Deadline(),
               [&hung](const absl::StatusOr<Signature>& signature) { hung.set_value(signature.status()); });
  // The other sessions serve meanwhile.
  ASSERT_TRUE(test::WaitFor([this] { return test::ReadFile(hsm_.folder().File("commands")).empty(); }));
  EXPECT_OK(Sign());
  EXPECT_THAT(hung.get_future().get(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(800));
  EXPECT_LE(std::chrono::steady_clock::now() - begin, milliseconds(4000));
  EXPECT_TRUE(test::WaitFor([before] { return kill(before, 0) != 0; }));
  EXPECT_THAT(Sign(), StatusIs(absl::StatusCode::kUnavailable));
  ExpectRecovery();
}

TEST_F(MisbehavingModuleTest, AnswersACallerAtItsOwnDeadlineAndLeavesTheModuleItsTime) {
  OpenWithKey();
  const pid_t before = token_->process();
  hsm_.Tell("sign:hang!");
  token_.Within(milliseconds(50));
  EXPECT_THAT(Sign(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(token_->process(), before);
  token_.Within(std::chrono::seconds(20));
  EXPECT_OK(Sign());
  EXPECT_TRUE(test::WaitFor([this] { return token_->process() == 0; }));
  ExpectRecovery();
}

TEST_F(MisbehavingModuleTest, S15EndsAModuleThatIsDeafToSignals) {
  OpenWithKey();
  const pid_t before = token_->process();
  hsm_.Tell("sign:deaf!");
  EXPECT_THAT(Sign(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_TRUE(test::WaitFor([before] { return kill(before, 0) != 0; }));
  ExpectRecovery();
}

TEST_F(MisbehavingModuleTest, S15SurvivesAModuleThatCrashes) {
  OpenWithKey();
  for (const auto& [crash, words] : std::vector<std::pair<std::string, std::string>>{
           {"sign:segv!", "signal 11"}, {"sign:abort!", "signal 6"}, {"sign:exit!", "status 7"}}) {
    SCOPED_TRACE(crash);
    hsm_.Tell(crash);
    EXPECT_THAT(Sign(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr(words)));
    ExpectRecovery();
  }
}

TEST_F(MisbehavingModuleTest, SurvivesAModuleThatWritesOverDescriptorsOrClosesThem) {
  OpenWithKey();
  for (const std::string misbehaviour : {"sign:print!", "sign:close!"}) {
    SCOPED_TRACE(misbehaviour);
    hsm_.Tell(misbehaviour);
    EXPECT_THAT(Sign(), StatusIs(absl::StatusCode::kUnavailable));
    ExpectRecovery();
  }
}

TEST_F(MisbehavingModuleTest, BelievesNoSignatureOfASizeThatThereIsNot) {
  OpenWithKey();
  for (const std::string lie : {"sign:nothing!", "sign:huge!", "sign:odd!"}) {
    SCOPED_TRACE(lie);
    hsm_.Tell(lie);
    EXPECT_THAT(Sign(), StatusIs(absl::StatusCode::kDataLoss));
  }
  hsm_.Tell("sign:garbage!");
  ASSERT_OK_AND_ASSIGN(const Signature garbage, Sign());
  EXPECT_FALSE(Verifies(key_, SignatureScheme::kEcdsaSha256, kDigest, garbage));
  ExpectRecovery();
}

TEST_F(MisbehavingModuleTest, TakesNoKeyThatIsNoneAndRemovesWhatWasMade) {
  OpenWithKey();
  const auto make = [this](const std::string& lie) {
    hsm_.Tell(lie);
    const absl::Status status = token_.Create(KeyAlgorithm::kEcP256, "b", "leg").status();
    hsm_.Tell("");
    return status;
  };
  EXPECT_THAT(make("attribute:off-curve"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(make("attribute:huge"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(make("attribute:other-id"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(make("attribute:extractable"), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("can be read")));
  EXPECT_THAT(make("generate:full"), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_TRUE(test::WaitFor([this] { return absl::IsNotFound(token_.Find("leg").status()); }));
  ExpectRecovery();
}

TEST_F(MisbehavingModuleTest, RemovesAPairThatCameTooLate) {
  OpenWithKey();
  hsm_.Tell("generate:exit!");
  EXPECT_THAT(token_.Create(KeyAlgorithm::kEcP256, "b", "leg"), StatusIs(absl::StatusCode::kUnavailable));
  ExpectRecovery();
  token_.Within(milliseconds(5));
  EXPECT_THAT(token_.Create(KeyAlgorithm::kRsa3072, "b", "leg"), StatusIs(absl::StatusCode::kDeadlineExceeded));
  token_.Within(std::chrono::seconds(20));
  // Made or not: when the module is done with it, nothing is left.
  EXPECT_OK(Sign());
  EXPECT_TRUE(test::WaitFor([this] {
    const auto found = token_.Find("leg");
    return absl::IsNotFound(found.status());
  }));
}

TEST_F(MisbehavingModuleTest, MakesKeysWithTokensThatRefuseAttributes) {
  ASSERT_OK(token_.Open());
  hsm_.Tell("generate:plain-templates");
  ASSERT_OK_AND_ASSIGN(const TokenKey key, token_.Create(KeyAlgorithm::kRsa2048, "b", "leg"));
  EXPECT_TRUE(key.is_unreadable);
  EXPECT_EQ(hsm_.Logged("generate"), 1);
}

TEST_F(MisbehavingModuleTest, OpensSessionsAgainAndFindsKeysAgainByItself) {
  OpenWithKey();
  const pid_t before = token_->process();
  hsm_.Tell("sign:close-session!");
  EXPECT_OK(Sign());
  hsm_.Tell("sign:stale-handle!");
  EXPECT_OK(Sign());
  EXPECT_EQ(token_->process(), before);
  EXPECT_EQ(hsm_.Logged("login"), 1);
}

TEST_F(MisbehavingModuleTest, SaysThatATokenMustBeOpenedAnewWhichForgotItsUser) {
  OpenWithKey();
  for (const std::string loss : {"sign:not-logged-in!", "sign:close-sessions!"}) {
    SCOPED_TRACE(loss);
    hsm_.Tell(loss);
    EXPECT_THAT(Sign(), StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_THAT(Sign(), StatusIs(absl::StatusCode::kUnavailable));
    ExpectRecovery();
  }
}

TEST_F(MisbehavingModuleTest, KeepsATokenThatOnlyFailed) {
  OpenWithKey();
  hsm_.Tell("sign:general-error!");
  EXPECT_THAT(Sign(), StatusIs(absl::StatusCode::kUnavailable));
  hsm_.Tell("sign:no-mechanism!");
  EXPECT_THAT(Sign(), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_OK(Sign());
}

TEST_F(MisbehavingModuleTest, NoticesThatATokenWasRemovedAndThatItIsBack) {
  OpenWithKey();
  hsm_.Tell("token:away");
  EXPECT_THAT(Sign(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(token_.Open(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(token_.Open(), StatusIs(absl::StatusCode::kNotFound));
  ExpectRecovery();
  // Also when nobody signs.
  hsm_.Tell("token:away");
  EXPECT_THAT(token_.Open(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("removed")));
  ExpectRecovery();
}

TEST_F(MisbehavingModuleTest, StartsACrashingModuleAgainWithPauses) {
  hsm_.Tell("initialize:exit");
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i) EXPECT_THAT(token_.Open(), StatusIs(absl::StatusCode::kUnavailable));
  // 50 + 100 + 200 + 400 ms.
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(750));
  EXPECT_EQ(hsm_.Logged("initialize"), 5);
  hsm_.Tell("");
  EXPECT_OK(token_.Open());
}

TEST_F(MisbehavingModuleTest, PausesGrowAlsoWhenTheTokenWasOpenForAMoment) {
  OpenWithKey();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 4; ++i) {
    hsm_.Tell("sign:exit!");
    EXPECT_THAT(Sign(), StatusIs(absl::StatusCode::kUnavailable));
    ASSERT_OK(token_.Open());
  }
  // 50 + 100 + 200 + 400 ms.
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(750));
}

TEST_F(MisbehavingModuleTest, EndsAModuleThatHangsWhileItIsOpened) {
  hsm_.Tell("initialize:hang!");
  EXPECT_THAT(token_.Open(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_OK(token_.Open());
}

TEST_F(MisbehavingModuleTest, BelievesNeitherCountlessSlotsNorTextsThatAreNone) {
  hsm_.Tell("slots:countless");
  EXPECT_FALSE(token_.Open().ok());
  hsm_.Tell("token:escapes");
  EXPECT_THAT(token_.Open(), IsOkAndHolds(Field(&TokenState::label, std::string(32, '?'))));
}

TEST_F(MisbehavingModuleTest, UsesAsManySessionsAsTheTokenHasAndOneIfTheModuleTakesNoThreads) {
  hsm_.Tell("token:two-sessions");
  EXPECT_THAT(Patient(hsm_.options()).Open(), IsOkAndHolds(Field(&TokenState::sessions, 2)));
  hsm_.Tell("sessions:three");
  EXPECT_THAT(Patient(hsm_.options()).Open(), IsOkAndHolds(Field(&TokenState::sessions, 3)));
  hsm_.Tell("initialize:no-threads!");
  EXPECT_THAT(Patient(hsm_.options()).Open(), IsOkAndHolds(Field(&TokenState::sessions, 1)));
}

}  // namespace
}  // namespace ddskey::pkcs11
