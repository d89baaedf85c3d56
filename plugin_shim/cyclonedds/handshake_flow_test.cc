#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include "test/support/fake_daemon_fixture.h"
#include "test/support/plugin_session.h"

namespace ddskey::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

Token Junk() {
  Token junk;
  junk.SetClass("DDS:Auth:PKI-DH:1.0+Reply");
  junk.SetBinary(FakeAuthenticationService::kBadProperty, "x");
  return junk;
}

class HandshakeFlowTest : public FakeDaemonFixture {
 protected:
  void SetUp() override {
    // The initiator is who has the lower GUID.
    initiator_ = Create(OptionsOf("talker", 0x01));
    replier_ = Create(OptionsOf("listener", 0x02));
    initiating_ = std::make_unique<PluginSession>(*initiator_, *replier_);
    replying_ = std::make_unique<PluginSession>(*replier_, *initiator_);
  }

  // Discover runs the first, local part of the handshake on both sides.
  void Discover() {
    const Token announced = initiating_->Validate().message.Transmitted();
    replying_->Validate(&announced);
  }

  std::unique_ptr<PluginParticipant> initiator_;
  std::unique_ptr<PluginParticipant> replier_;
  std::unique_ptr<PluginSession> initiating_;
  std::unique_ptr<PluginSession> replying_;
};

TEST_F(HandshakeFlowTest, LeadsTwoParticipantsToOneSecret) {
  const HandshakeReport report = RunHandshake(*initiating_, *replying_);
  ASSERT_TRUE(report.complete) << report.failure;
  EXPECT_TRUE(report.first_initiated);
  EXPECT_EQ(initiating_->SharedSecret(), replying_->SharedSecret());
  EXPECT_THAT(initiating_->SharedSecret().secret, SizeIs(32));
  EXPECT_EQ(initiating_->Credential().Property("c.id"), "certificate of listener");
  EXPECT_EQ(initiating_->Credential().Property("c.perm"), "permissions of listener");
  EXPECT_EQ(replying_->Credential().Property("c.id"), "certificate of talker");
  EXPECT_EQ(replying_->Credential().class_id(), "DDS:Auth:PKI-DH:1.0");
}

TEST_F(HandshakeFlowTest, WhoHasTheLowerGuidBeginsWhoeverDiscoversFirst) {
  const HandshakeReport report = RunHandshake(*replying_, *initiating_);
  ASSERT_TRUE(report.complete) << report.failure;
  EXPECT_FALSE(report.first_initiated);
}

TEST_F(HandshakeFlowTest, TheDaemonLearnsWhatBelongsToThePair) {
  const HandshakeReport report = RunHandshake(*initiating_, *replying_);
  ASSERT_TRUE(report.complete) << report.failure;
  const auto begin = service_.last_begin_request();
  EXPECT_EQ(begin.remote_guid(), GuidOctets(replier_->guid()));
  EXPECT_EQ(begin.participant_data(), initiator_->participant_data());
  EXPECT_EQ(begin.permissions(), "permissions of talker");
  const auto reply = service_.last_begin_reply();
  EXPECT_EQ(reply.remote_guid(), GuidOctets(initiator_->guid()));
  EXPECT_EQ(reply.permissions(), "permissions of listener");
  // The initiator was the first to be told of the other, so it announced its challenge, and used it.
  EXPECT_EQ(reply.remote_future_challenge(), begin.challenge());
  EXPECT_THAT(begin.challenge(), SizeIs(32));
  EXPECT_NE(begin.challenge(), reply.challenge());
}

TEST_F(HandshakeFlowTest, S4AStepWhoseSignatureIsNotMadeYetIsPendingAndContinues) {
  Discover();
  const Token request = initiating_->BeginRequest().message.Transmitted();
  service_.Pend(3);
  EXPECT_EQ(replying_->BeginReply(request).result, DDS_SECURITY_VALIDATION_PENDING_RETRY);
  // Whatever arrived meanwhile took the place of the request.
  const auto reply = Patiently([&] { return replying_->BeginReply(Junk()); });
  ASSERT_EQ(reply.result, DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_MESSAGE) << reply.error;
  service_.Pend(3);
  EXPECT_EQ(initiating_->Process(reply.message.Transmitted()).result, DDS_SECURITY_VALIDATION_PENDING_RETRY);
  const auto final_message = Patiently([&] { return initiating_->Process(Junk()); });
  ASSERT_EQ(final_message.result, DDS_SECURITY_VALIDATION_OK_FINAL_MESSAGE) << final_message.error;
  EXPECT_EQ(replying_->Process(final_message.message.Transmitted()).result, DDS_SECURITY_VALIDATION_OK);
  EXPECT_EQ(initiating_->SharedSecret(), replying_->SharedSecret());
}

TEST_F(HandshakeFlowTest, ARestartOfTheDaemonBetweenAnyTwoStepsGoesUnnoticed) {
  Discover();
  const auto restart = [this] {
    service_.Stop();
    service_.Start();
  };
  restart();
  const auto request = initiating_->BeginRequest();
  restart();
  const auto reply = replying_->BeginReply(request.message.Transmitted());
  restart();
  const auto final_message = initiating_->Process(reply.message.Transmitted());
  restart();
  EXPECT_EQ(replying_->Process(final_message.message.Transmitted()).result, DDS_SECURITY_VALIDATION_OK);
  EXPECT_EQ(initiating_->SharedSecret(), replying_->SharedSecret());
}

TEST_F(HandshakeFlowTest, WhileTheDaemonIsAwayEveryStepIsPendingAndTheLogSaysSoOnce) {
  Discover();
  const Token request = initiating_->BeginRequest().message.Transmitted();
  service_.Stop();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(initiating_->BeginRequest().result, DDS_SECURITY_VALIDATION_PENDING_RETRY);
    EXPECT_EQ(replying_->BeginReply(request).result, DDS_SECURITY_VALIDATION_PENDING_RETRY);
  }
  // One line for each key.
  EXPECT_THAT(Log(), SizeIs(2));
  EXPECT_THAT(Log().front(), AllOf(HasSubstr("ddskey:talker"), HasSubstr(socket_), HasSubstr("systemctl status")));
  service_.Start();
  EXPECT_TRUE(RunHandshake(*initiating_, *replying_).complete);
}

TEST_F(HandshakeFlowTest, ARefusedMessageFailsAtOnceAndTheNextOneIsTaken) {
  Discover();
  const Token request = initiating_->BeginRequest().message.Transmitted();
  const auto refused = replying_->BeginReply(Junk());
  EXPECT_EQ(refused.result, DDS_SECURITY_VALIDATION_FAILED);
  EXPECT_THAT(refused.error, AllOf(HasSubstr("ddskey:listener"), HasSubstr("[signature]")));
  const auto reply = replying_->BeginReply(request);
  ASSERT_EQ(reply.result, DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_MESSAGE) << reply.error;
  EXPECT_EQ(initiating_->Process(Junk()).result, DDS_SECURITY_VALIDATION_FAILED);
  EXPECT_EQ(initiating_->Process(reply.message.Transmitted()).result, DDS_SECURITY_VALIDATION_OK_FINAL_MESSAGE);
}

TEST_F(HandshakeFlowTest, APolicyThatRefusesFailsTheHandshake) {
  Discover();
  service_.Fail("BeginHandshakeRequest", grpc::StatusCode::PERMISSION_DENIED, "not with this peer");
  const auto outcome = initiating_->BeginRequest();
  EXPECT_EQ(outcome.result, DDS_SECURITY_VALIDATION_FAILED);
  EXPECT_THAT(outcome.error, AllOf(HasSubstr("not with this peer"), HasSubstr(socket_)));
}

TEST_F(HandshakeFlowTest, ACompleteHandshakeStaysComplete) {
  const HandshakeReport report = RunHandshake(*initiating_, *replying_);
  ASSERT_TRUE(report.complete) << report.failure;
  const PluginSession::Secret secret = initiating_->SharedSecret();
  const auto again = initiating_->Process(Junk());
  EXPECT_EQ(again.result, DDS_SECURITY_VALIDATION_OK_FINAL_MESSAGE);
  EXPECT_EQ(again.message.Binary("challenge2"), report.final_message.Binary("challenge2"));
  EXPECT_EQ(replying_->Process(Junk()).result, DDS_SECURITY_VALIDATION_OK);
  EXPECT_EQ(initiating_->SharedSecret(), secret);
}

TEST_F(HandshakeFlowTest, APairMayAuthenticateOnceMore) {
  ASSERT_TRUE(RunHandshake(*initiating_, *replying_).complete);
  const HandshakeReport report = RunHandshake(*replying_, *initiating_);
  ASSERT_TRUE(report.complete) << report.failure;
  EXPECT_EQ(initiating_->SharedSecret(), replying_->SharedSecret());
}

TEST_F(HandshakeFlowTest, NothingIsLeftOfManyParticipantsAndPeers) {
  const auto cycle = [this] {
    const auto talker = Create(OptionsOf("a", 0x03));
    const auto listener = Create(OptionsOf("b", 0x04));
    PluginSession talking(*talker, *listener);
    PluginSession listening(*listener, *talker);
    EXPECT_TRUE(RunHandshake(talking, listening).complete);
  };
  const auto in_use = [] { return mallinfo2().uordblks; };
  for (int i = 0; i < 50; ++i) cycle();
  const size_t before = in_use();
  constexpr size_t kCycles = 300;
  for (size_t i = 0; i < kCycles; ++i) cycle();
  const size_t after = in_use();
  // What the scripted daemon remembers of its calls is a few hundred octets each; a leak in the plugin is more.
  EXPECT_LT(after > before ? (after - before) / kCycles : 0, 4'000u);
}

}  // namespace
}  // namespace ddskey::test
