// Handshakes of the real daemon with peers that write their messages as other implementations do.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "test/support/pki.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"
#include "test/support/token_peer.h"

namespace ddskey {
namespace {

using ::ddskey::test::Named;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestKeyType;
using ::ddskey::test::TestParticipant;
using ::ddskey::test::TokenPeer;

// Both kinds of keys of ours meet both kinds of the peer's.
class OtherVendorsTest : public ::testing::Test {
 protected:
  void ExpectMeet(const TokenPeer::Habits& habits) {
    for (TestParticipant* ours : {&ec_, &rsa_}) {
      ASSERT_TRUE(ours->Validate().ok());
      for (const TestKeyType type : {TestKeyType::kEcP256, TestKeyType::kRsa2048}) {
        SCOPED_TRACE(ours->request.key_name() + (type == TestKeyType::kRsa2048 ? " with RSA" : " with EC"));
        TokenPeer peer(ca_, Named("peer"), type, habits);
        ExpectPeerReplies(*ours, peer);
        ExpectPeerInitiates(*ours, peer);
      }
    }
  }

  static void ExpectPeerReplies(TestParticipant& ours, TokenPeer& peer) {
    const auto request = ours.Request(peer.guid());
    ASSERT_TRUE(request.status.ok()) << request.status.message;
    const v1::DataHolder reply = peer.Reply(request.value.message());
    const auto final_step = ours.Finish(ours.Process(request.value.handshake_ticket(), reply));
    ASSERT_TRUE(final_step.status.ok()) << final_step.status.message;
    EXPECT_TRUE(peer.Completes(final_step.value.message()));
    EXPECT_EQ(final_step.value.result().shared_secret(), peer.shared_secret());
  }

  static void ExpectPeerInitiates(TestParticipant& ours, TokenPeer& peer) {
    const auto reply = ours.Finish(ours.Reply(peer.guid(), peer.Request()));
    ASSERT_TRUE(reply.status.ok()) << reply.status.message;
    const std::optional<v1::DataHolder> final_message = peer.Final(reply.value.message());
    ASSERT_TRUE(final_message.has_value()) << "the peer does not take our Reply";
    const auto done = ours.Process(reply.value.handshake_ticket(), *final_message);
    ASSERT_TRUE(done.status.ok()) << done.status.message;
    EXPECT_EQ(done.value.result().shared_secret(), peer.shared_secret());
  }

  TestCa ca_ = TestCa::Root("identity CA");
  TestDaemon daemon_;
  TestParticipant ec_{daemon_.socket(), "ec", daemon_.Enroll("ec", ca_, Named("ec")), 'e'};
  TestParticipant rsa_{daemon_.socket(), "rsa", daemon_.Enroll("rsa", ca_, Named("rsa"), "rsa-2048"), 'r'};
};

TEST_F(OtherVendorsTest, MeetsAPeerThatDoesAsTheSpecificationSays) { ExpectMeet({}); }

TEST_F(OtherVendorsTest, MeetsAPeerThatLeavesOutOptionalFieldsAsConnextDoes) {
  ExpectMeet({.optional_fields = false, .nul_names = true, .version = "1.2"});
}

TEST_F(OtherVendorsTest, MeetsAPeerThatEndsNamesWithANulAsOpenDdsDoes) { ExpectMeet({.nul_names = true}); }

TEST_F(OtherVendorsTest, MeetsAPeerWithTheLongestSaltAsCycloneDdsAndFastDdsHaveIt) {
  ExpectMeet({.nul_names = true, .pss_salt = 222});
}

TEST_F(OtherVendorsTest, MeetsAPeerWithoutASalt) { ExpectMeet({.pss_salt = 0}); }

}  // namespace
}  // namespace ddskey
