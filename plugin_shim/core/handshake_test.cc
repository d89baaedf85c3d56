#include "plugin_shim/core/handshake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "plugin_shim/core/wait_budget.h"
#include "test/fakes/fake_authentication_service.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::FakeAuthenticationService;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Kind = StepOutcome::Kind;

constexpr Guid kRemote = {2};

class HandshakeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    v1::ValidateLocalIdentityRequest request;
    request.set_key_name("talker");
    request.set_candidate_guid(std::string(16, '\1'));
    request.set_identity_certificate("certificate");
    std::string error;
    local_ = LocalIdentity::Validate(client_, request, std::chrono::seconds(20), &error);
    ASSERT_NE(local_, nullptr) << error;
    initiator_ = std::make_unique<Handshake>(client_, budget_, local_, kRemote, std::string(32, 'i'));
    replier_ = std::make_unique<Handshake>(client_, budget_, local_, kRemote, std::string(32, 'r'));
  }

  v1::DataHolder Request() { return initiator_->BeginRequest("pdata").step.message(); }
  static v1::DataHolder Junk() {
    v1::DataHolder junk;
    junk.set_class_id("junk");
    v1::BinaryProperty& property = *junk.add_binary_properties();
    property.set_name(FakeAuthenticationService::kBadProperty);
    property.set_value("x");
    return junk;
  }
  // Calls `step` as a host does, again and again while it is pending.
  template <typename Step>
  static StepOutcome Patiently(const Step& step, int* calls) {
    for (*calls = 1;; ++*calls) {
      StepOutcome outcome = step();
      if (outcome.kind != Kind::kPending || *calls == 20) return outcome;
    }
  }

  test::TempDir folder_;
  FakeAuthenticationService service_{folder_.File("s")};
  AuthenticationClient client_{folder_.File("s")};
  WaitBudget budget_;
  std::shared_ptr<LocalIdentity> local_;
  std::unique_ptr<Handshake> initiator_;
  std::unique_ptr<Handshake> replier_;
};

TEST_F(HandshakeTest, LeadsBothSidesToTheSameSecret) {
  local_->set_permissions("permissions");
  initiator_->set_remote_future_challenge("future");
  const StepOutcome request = initiator_->BeginRequest("pdata");
  ASSERT_EQ(request.kind, Kind::kDone) << request.sentence;
  EXPECT_EQ(service_.last_begin_request().permissions(), "permissions");
  EXPECT_EQ(service_.last_begin_request().participant_data(), "pdata");
  EXPECT_EQ(service_.last_begin_request().remote_future_challenge(), "future");
  EXPECT_EQ(service_.last_begin_request().remote_guid(), GuidOctets(kRemote));

  const StepOutcome reply = replier_->BeginReply("pdata", request.step.message());
  ASSERT_EQ(reply.kind, Kind::kDone) << reply.sentence;
  const StepOutcome final_message = initiator_->Process(reply.step.message());
  ASSERT_EQ(final_message.kind, Kind::kDone) << final_message.sentence;
  const StepOutcome done = replier_->Process(final_message.step.message());
  ASSERT_EQ(done.kind, Kind::kDone) << done.sentence;
  EXPECT_EQ(done.step.result().shared_secret().size(), 32u);
  EXPECT_EQ(done.step.result().shared_secret(), final_message.step.result().shared_secret());
  EXPECT_FALSE(done.repeated);
}

TEST_F(HandshakeTest, S4ContinuesAPendingReplyWithTheMessageItBeganWith) {
  const v1::DataHolder request = Request();
  service_.Pend(4);
  EXPECT_EQ(replier_->BeginReply("pdata", request).kind, Kind::kPending);
  int calls = 0;
  const StepOutcome outcome = Patiently([&] { return replier_->BeginReply("other", Junk()); }, &calls);
  EXPECT_EQ(outcome.kind, Kind::kDone) << outcome.sentence;
  EXPECT_GT(calls, 1);
  EXPECT_EQ(service_.Calls("BeginHandshakeReply"), 1);
}

TEST_F(HandshakeTest, S4ContinuesAPendingFinalWithTheMessageItBeganWith) {
  const v1::DataHolder reply = replier_->BeginReply("pdata", Request()).step.message();
  service_.Pend(4);
  EXPECT_EQ(initiator_->Process(reply).kind, Kind::kPending);
  int calls = 0;
  const StepOutcome outcome = Patiently([&] { return initiator_->Process(Junk()); }, &calls);
  EXPECT_EQ(outcome.kind, Kind::kDone) << outcome.sentence;
  EXPECT_EQ(service_.Calls("ProcessHandshake"), 1);
}

TEST_F(HandshakeTest, TakesNoForAnAnswer) {
  const StepOutcome outcome = replier_->BeginReply("pdata", Junk());
  EXPECT_EQ(outcome.kind, Kind::kRefused);
  EXPECT_THAT(outcome.sentence, AllOf(HasSubstr("ddskey:talker"), HasSubstr("[signature]")));
  EXPECT_EQ(replier_->BeginReply("pdata", Request()).kind, Kind::kDone);
}

TEST_F(HandshakeTest, AForgedReplyDoesNotEndTheHandshake) {
  const v1::DataHolder reply = replier_->BeginReply("pdata", Request()).step.message();
  EXPECT_EQ(initiator_->Process(Junk()).kind, Kind::kRefused);
  EXPECT_EQ(initiator_->Process(reply).kind, Kind::kDone);
}

TEST_F(HandshakeTest, WaitsWhileTheDaemonIsAway) {
  const v1::DataHolder request = Request();
  service_.Stop();
  const StepOutcome outcome = replier_->BeginReply("pdata", request);
  EXPECT_EQ(outcome.kind, Kind::kPending);
  EXPECT_THAT(outcome.sentence, AllOf(HasSubstr("ddskey:talker"), HasSubstr(folder_.File("s")), HasSubstr("check")));
  EXPECT_EQ(initiator_->BeginRequest("pdata").kind, Kind::kPending);
  service_.Start();
  EXPECT_EQ(replier_->BeginReply("pdata", request).kind, Kind::kDone);
  EXPECT_EQ(initiator_->BeginRequest("pdata").kind, Kind::kDone);
}

TEST_F(HandshakeTest, JunkThatArrivedWhileTheDaemonWasAwayDoesNotHideTheMessage) {
  const v1::DataHolder request = Request();
  service_.Stop();
  EXPECT_EQ(replier_->BeginReply("pdata", Junk()).kind, Kind::kPending);
  service_.Start();
  EXPECT_EQ(replier_->BeginReply("pdata", request).kind, Kind::kDone);

  v1::DataHolder another = request;
  another.set_class_id("another");
  service_.Stop();
  EXPECT_EQ(replier_->BeginReply("pdata", another).kind, Kind::kPending);
  service_.Start();
  EXPECT_EQ(replier_->BeginReply("pdata", Junk()).kind, Kind::kDone);
}

TEST_F(HandshakeTest, AnswersADuplicateOfARequestWithTheSameReply) {
  const v1::DataHolder request = Request();
  const StepOutcome reply = replier_->BeginReply("pdata", request);
  service_.Stop();
  const StepOutcome again = replier_->BeginReply("pdata", request);
  EXPECT_EQ(again.kind, Kind::kDone) << again.sentence;
  EXPECT_EQ(again.step.SerializeAsString(), reply.step.SerializeAsString());
  // What goes out with the Reply has changed: that is no duplicate.
  EXPECT_EQ(replier_->BeginReply("other", request).kind, Kind::kPending);
}

TEST_F(HandshakeTest, KeepsWhatACompleteHandshakeCameToUntilTheNextIsComplete) {
  const v1::DataHolder request = Request();
  const v1::DataHolder reply = replier_->BeginReply("pdata", request).step.message();
  const v1::DataHolder final_message = initiator_->Process(reply).step.message();
  ASSERT_EQ(replier_->Process(final_message).kind, Kind::kDone);
  EXPECT_EQ(replier_->BeginReply("pdata", Junk()).kind, Kind::kRefused);
  EXPECT_TRUE(replier_->Process(Junk()).repeated);

  const v1::DataHolder second = replier_->BeginReply("pdata", Request()).step.message();
  EXPECT_EQ(replier_->Process(Junk()).kind, Kind::kRefused);
  const StepOutcome done = replier_->Process(initiator_->Process(second).step.message());
  EXPECT_EQ(done.kind, Kind::kDone) << done.sentence;
  EXPECT_FALSE(done.repeated);
}

TEST_F(HandshakeTest, ResumesWithTheRequestThatThePeerMayHaveAnswered) {
  EXPECT_FALSE(initiator_->Resumable());
  const v1::DataHolder request = Request();
  EXPECT_TRUE(initiator_->Resumable());
  initiator_->Resume();
  EXPECT_EQ(Request().SerializeAsString(), request.SerializeAsString());
  EXPECT_EQ(service_.Calls("BeginHandshakeRequest"), 1);
  // Once, and only with the same content.
  Request();
  EXPECT_EQ(service_.Calls("BeginHandshakeRequest"), 2);
  initiator_->Resume();
  initiator_->BeginRequest("other");
  EXPECT_EQ(service_.Calls("BeginHandshakeRequest"), 3);
  initiator_->Resume();
  initiator_->set_remote_future_challenge("announced meanwhile");
  initiator_->BeginRequest("other");
  EXPECT_EQ(service_.Calls("BeginHandshakeRequest"), 4);
}

TEST_F(HandshakeTest, IsNoLongerResumableWhenAReplyWasTaken) {
  const v1::DataHolder reply = replier_->BeginReply("pdata", Request()).step.message();
  EXPECT_FALSE(replier_->Resumable());
  EXPECT_EQ(initiator_->Process(Junk()).kind, Kind::kRefused);
  EXPECT_TRUE(initiator_->Resumable());
  EXPECT_EQ(initiator_->Process(reply).kind, Kind::kDone);
  EXPECT_FALSE(initiator_->Resumable());
}

TEST_F(HandshakeTest, BeginsAnewWhenTheDaemonHasForgottenWhatToSign) {
  const v1::DataHolder request = Request();
  service_.Pend(2);
  EXPECT_EQ(replier_->BeginReply("pdata", request).kind, Kind::kPending);
  service_.ForgetTickets();
  const StepOutcome outcome = replier_->BeginReply("pdata", Junk());
  EXPECT_EQ(outcome.kind, Kind::kDone) << outcome.sentence;
  EXPECT_EQ(service_.last_begin_reply().request().class_id(), request.class_id());
  // The ticket of the identity was forgotten as well.
  EXPECT_EQ(service_.Calls("ValidateLocalIdentity"), 2);
}

TEST_F(HandshakeTest, GivesUpWhenTheDaemonHasForgottenTheHandshake) {
  const v1::DataHolder reply = replier_->BeginReply("pdata", Request()).step.message();
  service_.ForgetTickets();
  const StepOutcome outcome = initiator_->Process(reply);
  EXPECT_EQ(outcome.kind, Kind::kRefused);
  EXPECT_THAT(outcome.sentence, HasSubstr("cannot be opened"));
}

TEST_F(HandshakeTest, S4AStalledDaemonHoldsUpTheHostForHalfOfItsTimeAtMost) {
  const v1::DataHolder request = Request();
  service_.Stall(true);
  const auto begin = CallClock::now();
  for (int i = 0; i < 12; ++i) {
    const auto call = CallClock::now();
    EXPECT_EQ(replier_->BeginReply("pdata", request).kind, Kind::kPending);
    EXPECT_LT(CallClock::now() - call, std::chrono::milliseconds(1'500));
  }
  EXPECT_GE(CallClock::now() - begin, std::chrono::milliseconds(2'000));
  // Six times half a second is more than the budget: the last calls did not wait at all.
  const auto call = CallClock::now();
  EXPECT_EQ(replier_->BeginReply("pdata", request).kind, Kind::kPending);
  EXPECT_LT(CallClock::now() - call, std::chrono::milliseconds(400));
  service_.Stall(false);
}

TEST_F(HandshakeTest, RepeatsItsOutcomeWhenItIsComplete) {
  const v1::DataHolder reply = replier_->BeginReply("pdata", Request()).step.message();
  const StepOutcome first = initiator_->Process(reply);
  const StepOutcome again = initiator_->Process(Junk());
  EXPECT_EQ(again.kind, Kind::kDone);
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.step.message().SerializeAsString(), first.step.message().SerializeAsString());
  EXPECT_EQ(again.step.result().shared_secret(), "");
  EXPECT_EQ(service_.Calls("ProcessHandshake"), 1);
}

TEST_F(HandshakeTest, RenewsItsIdentityOnceAndTakesASecondRefusalForAnAnswer) {
  service_.Fail("BeginHandshakeRequest", grpc::StatusCode::FAILED_PRECONDITION, "no", 2);
  EXPECT_EQ(initiator_->BeginRequest("pdata").kind, Kind::kRefused);
  EXPECT_EQ(service_.Calls("BeginHandshakeRequest"), 2);
}

TEST_F(HandshakeTest, AnIdentityThatIsRefusedSaysWhy) {
  service_.Fail("ValidateLocalIdentity", grpc::StatusCode::PERMISSION_DENIED, "no such key, or not for you");
  v1::ValidateLocalIdentityRequest request;
  request.set_key_name("listener");
  std::string error;
  EXPECT_EQ(LocalIdentity::Validate(client_, request, std::chrono::seconds(20), &error), nullptr);
  EXPECT_THAT(error, AllOf(HasSubstr("ddskey:listener"), HasSubstr("no such key"), HasSubstr("ddskeyctl key list")));
}

}  // namespace
}  // namespace ddskey
