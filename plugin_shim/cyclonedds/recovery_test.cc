// Messages that are lost, doubled or forged, and peers that only one side has lost sight of, as the core of Cyclone DDS
// presents them to a plugin.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "test/support/fake_daemon_fixture.h"
#include "test/support/plugin_session.h"

namespace ddskey::test {
namespace {

Token Junk() {
  Token junk;
  junk.SetClass("DDS:Auth:PKI-DH:1.0+Reply");
  junk.SetBinary(FakeAuthenticationService::kBadProperty, "x");
  return junk;
}

class RecoveryTest : public FakeDaemonFixture {
 protected:
  void SetUp() override {
    initiator_ = Create(OptionsOf("talker", 0x01));
    replier_ = Create(OptionsOf("listener", 0x02));
    Rediscover(initiating_, *initiator_, *replier_);
    Rediscover(replying_, *replier_, *initiator_);
  }

  // Rediscover is what the core of `local` does with a peer that it sees for the first time, or again after its lease
  // has expired: the old handle is returned before.
  static void Rediscover(std::unique_ptr<PluginSession>& session, PluginParticipant& local,
                         const PluginParticipant& remote) {
    session.reset();
    session = std::make_unique<PluginSession>(local, remote);
    session->Validate();
  }

  // Finish runs what follows a Reply, and expects both sides to come to the same.
  void Finish(const Token& reply) {
    const auto final_message = initiating_->Process(reply);
    ASSERT_EQ(final_message.result, DDS_SECURITY_VALIDATION_OK_FINAL_MESSAGE) << final_message.error;
    const auto done = replying_->Process(final_message.message.Transmitted());
    ASSERT_EQ(done.result, DDS_SECURITY_VALIDATION_OK) << done.error;
    EXPECT_EQ(initiating_->SharedSecret(), replying_->SharedSecret());
    EXPECT_EQ(initiating_->SharedSecret().secret.size(), 32u);
  }

  std::unique_ptr<PluginParticipant> initiator_;
  std::unique_ptr<PluginParticipant> replier_;
  std::unique_ptr<PluginSession> initiating_;
  std::unique_ptr<PluginSession> replying_;
};

TEST_F(RecoveryTest, DuplicatesAreAnsweredAlikeWithoutAnotherSignature) {
  const Token request = initiating_->BeginRequest().message.Transmitted();
  const Token reply = replying_->BeginReply(request).message.Transmitted();
  const Token again = replying_->BeginReply(request).message.Transmitted();
  EXPECT_EQ(again.Binary("challenge2"), reply.Binary("challenge2"));
  EXPECT_EQ(service_.Calls("BeginHandshakeReply"), 1);
  const Token final_message = initiating_->Process(reply).message.Transmitted();
  EXPECT_EQ(initiating_->Process(again).message.Transmitted().Binary("challenge2"), final_message.Binary("challenge2"));
  EXPECT_EQ(replying_->Process(final_message).result, DDS_SECURITY_VALIDATION_OK);
  EXPECT_EQ(replying_->Process(final_message).result, DDS_SECURITY_VALIDATION_OK);
  EXPECT_EQ(service_.Calls("ProcessHandshake"), 2);
  EXPECT_EQ(initiating_->SharedSecret(), replying_->SharedSecret());
}

TEST_F(RecoveryTest, AForgedMessageInPlaceOfEachOneHarmsNothingElse) {
  const Token request = initiating_->BeginRequest().message.Transmitted();
  EXPECT_EQ(replying_->BeginReply(Junk()).result, DDS_SECURITY_VALIDATION_FAILED);
  const Token reply = replying_->BeginReply(request).message.Transmitted();
  EXPECT_EQ(initiating_->Process(Junk()).result, DDS_SECURITY_VALIDATION_FAILED);
  const Token final_message = initiating_->Process(reply).message.Transmitted();
  EXPECT_EQ(replying_->Process(Junk()).result, DDS_SECURITY_VALIDATION_FAILED);
  EXPECT_EQ(replying_->Process(final_message).result, DDS_SECURITY_VALIDATION_OK);
  EXPECT_EQ(initiating_->SharedSecret(), replying_->SharedSecret());
}

TEST_F(RecoveryTest, AnInitiatorThatLostSightOfItsPeerTakesTheReplyToItsRequest) {
  const Token request = initiating_->BeginRequest().message.Transmitted();
  const Token reply = replying_->BeginReply(request).message.Transmitted();
  // The Reply was lost, and so was the peer; that one goes on offering its Reply and takes no other Request.
  Rediscover(initiating_, *initiator_, *replier_);
  const Token second = initiating_->BeginRequest().message.Transmitted();
  EXPECT_EQ(second.Binary("challenge1"), request.Binary("challenge1"));
  Finish(reply);
}

TEST_F(RecoveryTest, AReplierThatLostSightOfItsPeerAnswersItsRequestOnceMore) {
  const Token request = initiating_->BeginRequest().message.Transmitted();
  replying_->BeginReply(request);
  Rediscover(replying_, *replier_, *initiator_);
  Finish(replying_->BeginReply(request).message.Transmitted());
}

TEST_F(RecoveryTest, BothSidesThatLostSightOfEachOtherBeginAgain) {
  ASSERT_TRUE(RunHandshake(*initiating_, *replying_).complete);
  const PluginSession::Secret before = initiating_->SharedSecret();
  Rediscover(initiating_, *initiator_, *replier_);
  Rediscover(replying_, *replier_, *initiator_);
  const Token request = initiating_->BeginRequest().message.Transmitted();
  Finish(replying_->BeginReply(request).message.Transmitted());
  EXPECT_NE(initiating_->SharedSecret(), before);
}

TEST_F(RecoveryTest, TheOldStateStaysUntilANewHandshakeHasSucceeded) {
  ASSERT_TRUE(RunHandshake(*initiating_, *replying_).complete);
  const PluginSession::Secret before = replying_->SharedSecret();
  // Without the old handles being returned: another core than that of 0.10.2.
  replying_->Validate();
  EXPECT_EQ(replying_->BeginReply(Junk()).result, DDS_SECURITY_VALIDATION_FAILED);
  EXPECT_EQ(replying_->SharedSecret(), before);
  const Token request = initiating_->BeginRequest().message.Transmitted();
  const Token reply = replying_->BeginReply(request).message.Transmitted();
  EXPECT_EQ(replying_->Process(Junk()).result, DDS_SECURITY_VALIDATION_FAILED);
  EXPECT_EQ(replying_->SharedSecret(), before);
  EXPECT_EQ(replying_->Credential().Property("c.id"), "certificate of talker");
  service_.Stop();
  EXPECT_EQ(initiating_->Process(reply).result, DDS_SECURITY_VALIDATION_PENDING_RETRY);
  EXPECT_EQ(initiating_->SharedSecret(), before);
  service_.Start();
  Finish(reply);
}

TEST_F(RecoveryTest, AnAnnouncedChallengeCountsUntilThePeerIsDiscoveredAnew) {
  Token announced;
  announced.SetClass("DDS:Auth:PKI-DH:1.0+AuthReq");
  announced.SetBinary("future_challenge", std::string(32, 'f'));
  replying_->Validate(&announced);
  const Token request = initiating_->BeginRequest().message.Transmitted();
  replying_->BeginReply(request);
  EXPECT_EQ(service_.last_begin_reply().remote_future_challenge(), std::string(32, 'f'));
  Rediscover(replying_, *replier_, *initiator_);
  replying_->BeginReply(request);
  EXPECT_EQ(service_.last_begin_reply().remote_future_challenge(), "");
}

TEST_F(RecoveryTest, OfManyInterruptedHandshakesTheLastAreKept) {
  constexpr uint8_t kPeers = 70;
  std::vector<std::unique_ptr<PluginParticipant>> peers;
  std::vector<std::string> challenges;
  for (uint8_t i = 0; i < kPeers; ++i) {
    peers.push_back(Create(OptionsOf("listener", static_cast<uint8_t>(0x10 + i))));
    Rediscover(initiating_, *initiator_, *peers.back());
    challenges.push_back(initiating_->BeginRequest().message.Binary("challenge1").value_or(""));
  }
  Rediscover(initiating_, *initiator_, *peers.back());
  EXPECT_EQ(initiating_->BeginRequest().message.Binary("challenge1"), challenges.back());
  Rediscover(initiating_, *initiator_, *peers.front());
  EXPECT_NE(initiating_->BeginRequest().message.Binary("challenge1"), challenges.front());
}

}  // namespace
}  // namespace ddskey::test
