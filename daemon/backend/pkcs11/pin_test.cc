// How often a PIN is tried. The module counts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "daemon/backend/pkcs11/helper_token_fixture.h"
#include "daemon/backend/pkcs11/misbehaving_fixture.h"
#include "test/support/status_matchers.h"

namespace ddskey::pkcs11 {
namespace {

using ::ddskey::test::IsOkAndHolds;
using ::ddskey::test::StatusIs;
using ::testing::Field;
using ::testing::HasSubstr;

std::string RefusalOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPinRefused);
  return payload.has_value() ? std::string(*payload) : "none";
}

TEST(PinTest, TriesAWrongPinOnceForAllWhoWait) {
  const MisbehavingHsm hsm;
  Patient token(hsm.options());
  std::vector<std::promise<absl::Status>> answers(5);
  for (auto& answer : answers) {
    token->Open(MakePin("4321"), token.Deadline(),
                [&answer](const absl::StatusOr<TokenState>& state) { answer.set_value(state.status()); });
  }
  for (auto& answer : answers) EXPECT_EQ(RefusalOf(answer.get_future().get()), "wrong");
  EXPECT_EQ(hsm.Logged("login"), 1);
  EXPECT_OK(token.Open());
  EXPECT_EQ(hsm.Logged("login"), 2);
}

TEST(PinTest, LogsInOnceAndKeepsTheLogin) {
  const MisbehavingHsm hsm;
  Patient token(hsm.options());
  for (int i = 0; i < 3; ++i) EXPECT_OK(token.Open());
  EXPECT_EQ(hsm.Logged("login"), 1);
}

TEST(PinTest, LeavesTheLastTryToSomebodyElseUnlessThePinWasAcceptedBefore) {
  const MisbehavingHsm hsm;
  Patient token(hsm.options());
  hsm.Tell("token:final");
  const auto refused = token.Open();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("one try")));
  EXPECT_EQ(RefusalOf(refused.status()), "untried");
  EXPECT_EQ(hsm.Logged("login"), 0);
  hsm.Tell("token:low");
  EXPECT_THAT(token.Open(), IsOkAndHolds(Field(&TokenState::warning, HasSubstr("few tries"))));
  hsm.Tell("token:away");
  EXPECT_THAT(token.Open(), StatusIs(absl::StatusCode::kUnavailable));
  hsm.Tell("token:final");
  EXPECT_OK(token.Open());
  EXPECT_EQ(hsm.Logged("login"), 2);
}

TEST(PinTest, TriesNoPinThatIsLocked) {
  const MisbehavingHsm hsm;
  Patient token(hsm.options());
  hsm.Tell("token:locked");
  EXPECT_EQ(RefusalOf(token.Open().status()), "locked");
  EXPECT_EQ(hsm.Logged("login"), 0);
}

TEST(PinTest, TriesAPinInDoubtOnlyIfTheTokenCountedNothing) {
  for (const std::string silence : {"login:exit!", "login:hang!"}) {
    SCOPED_TRACE(silence);
    const MisbehavingHsm hsm;
    Patient token(hsm.options());
    // Nobody heard what the token said.
    hsm.Tell(silence);
    EXPECT_FALSE(token.Open("4321").ok());
    hsm.Tell("token:low");
    EXPECT_EQ(RefusalOf(token.Open("4321").status()), "untried");
    EXPECT_EQ(hsm.Logged("login"), 1);
    // Another PIN is another matter.
    EXPECT_OK(token.Open());
  }
}

TEST(PinTest, S12TriesAPinInDoubtOnceMoreAndThenOnceEachTimeItIsGivenAnew) {
  for (const std::string silence : {"login:exit", "login:hang"}) {
    SCOPED_TRACE(silence);
    const MisbehavingHsm hsm;
    Patient token(hsm.options());
    hsm.Tell(silence);
    EXPECT_EQ(RefusalOf(token.Open().status()), "none");
    // What is heard meanwhile says nothing of the PIN.
    hsm.Tell(silence + " token:away");
    EXPECT_FALSE(token.Open().ok());
    hsm.Tell(silence);
    EXPECT_EQ(RefusalOf(token.Open().status()), "none");
    EXPECT_EQ(hsm.Logged("login"), 2);
    EXPECT_THAT(token.Open(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("twice nobody heard")));
    EXPECT_EQ(hsm.Logged("login"), 2);
    EXPECT_EQ(RefusalOf(token.Open().status()), "none");
    EXPECT_EQ(RefusalOf(token.Open().status()), "untried");
    EXPECT_EQ(hsm.Logged("login"), 3);
    hsm.Tell("");
    EXPECT_OK(token.Open());
  }
}

TEST(PinTest, NeedsNoPinWhereTheTokenAsksForItItselfOrHasNoLogin) {
  const MisbehavingHsm hsm;
  hsm.Tell("token:own-keypad");
  EXPECT_OK(Patient(hsm.options()).Open(""));
  EXPECT_EQ(hsm.Logged("login without"), 1);
  hsm.Tell("token:no-login");
  EXPECT_OK(Patient(hsm.options()).Open(""));
  EXPECT_OK(Patient(hsm.options()).Open("4321"));
  EXPECT_EQ(hsm.Logged("login"), 0);
}

}  // namespace
}  // namespace ddskey::pkcs11
