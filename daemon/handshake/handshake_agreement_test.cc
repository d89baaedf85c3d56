#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "daemon/handshake/handshake.h"
#include "daemon/handshake/handshake_fixture.h"
#include "daemon/handshake/key_agreements.h"
#include "proto/contract/secret_access.h"
#include "test/support/status_matchers.h"

// Which key agreement two participants come to.
namespace ddskey {
namespace {

using Choice = KeyAgreementChoice;

constexpr char kDh[] = "DH+MODP-2048-256";
constexpr char kEcdh[] = "ECDH+prime256v1-CEUM";

class KeyAgreementTest : public HandshakeTest {
 protected:
  void Choose(Choice initiator, Choice replier) {
    alice_.local.key_agreement = initiator;
    bob_.local.key_agreement = replier;
  }

  // Runs a whole handshake and returns the key agreement that the Reply names.
  std::string Complete() {
    const auto request = BeginRequest(alice_.local, alice_offer_);
    EXPECT_OK(request.status());
    const auto replier = Reply(request->token);
    EXPECT_OK(replier.status());
    if (!replier.ok()) return "";
    HandshakeToken reply = FinishReply(*replier, bob_.Sign(ReplyTranscript(*replier)));
    const auto initiator = Final(request->state, reply);
    EXPECT_OK(initiator.status());
    if (!initiator.ok()) return "";
    const auto bobs = Finish(*replier, FinishFinal(*initiator, alice_.Sign(FinalTranscript(*initiator))));
    const auto alices = OutcomeOfFinal(*initiator);
    EXPECT_OK(bobs.status());
    EXPECT_OK(alices.status());
    EXPECT_TRUE(
        bobs.ok() && alices.ok() &&
        ConstantTimeEquals(alices->shared_secret.Reveal(SecretAccess()), bobs->shared_secret.Reveal(SecretAccess())));
    EXPECT_EQ(PropertyOf(reply, "dh1").size(), PropertyOf(reply, "dh2").size());
    return PropertyOf(reply, "c.kagree_algo");
  }
};

TEST_F(KeyAgreementTest, TheReplierFollowsTheInitiator) {
  using Row = std::tuple<Choice, Choice, const char*>;
  for (const auto& [initiator, replier, expected] :
       {Row{Choice::kAuto, Choice::kAuto, kEcdh}, Row{Choice::kAuto, Choice::kDh, kEcdh},
        Row{Choice::kDh, Choice::kAuto, kDh}, Row{Choice::kDh, Choice::kEcdh, kDh},
        Row{Choice::kEcdh, Choice::kDh, kEcdh}, Row{Choice::kDhOnly, Choice::kDhOnly, kDh},
        Row{Choice::kEcdhOnly, Choice::kEcdhOnly, kEcdh}, Row{Choice::kEcdhOnly, Choice::kDh, kEcdh}}) {
    Choose(initiator, replier);
    EXPECT_EQ(Complete(), expected);
  }
}

TEST_F(KeyAgreementTest, AReplierThatTakesOneOnlyRefusesTheOther) {
  for (const auto& [initiator, replier] :
       {std::pair{Choice::kAuto, Choice::kDhOnly}, std::pair{Choice::kDh, Choice::kEcdhOnly},
        std::pair{Choice::kDhOnly, Choice::kEcdhOnly}}) {
    Choose(initiator, replier);
    ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
    ExpectRefused(Reply(request.token).status(), "c.kagree_algo");
  }
}

TEST_F(KeyAgreementTest, RefusesAReplyWithAnotherKeyAgreementThanTheProposedOne) {
  Choose(Choice::kDh, Choice::kAuto);
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  ASSERT_OK_AND_ASSIGN(HandshakeState replier, Reply(request.token));
  // A replier that signs what it should not have said.
  replier.own.c_kagree_algo = kEcdh;
  replier.hash_c2 = HashCredentials(replier.own);
  const HandshakeToken reply = FinishReply(replier, bob_.Sign(ReplyTranscript(replier)));
  ExpectRefused(Final(request.state, reply).status(), "c.kagree_algo");
}

TEST_F(KeyAgreementTest, S5RefusesAPublicValueOfTheOtherKeyAgreement) {
  Choose(Choice::kDh, Choice::kAuto);
  ASSERT_OK_AND_ASSIGN(const RequestStep modp, BeginRequest(alice_.local, alice_offer_));
  Choose(Choice::kEcdh, Choice::kAuto);
  ASSERT_OK_AND_ASSIGN(const RequestStep ecdh, BeginRequest(alice_.local, alice_offer_));
  HandshakeToken token = ecdh.token;
  PropertyOf(token, "dh1") = modp.state.dh1;
  ExpectRefused(Reply(token).status(), "dh1");
  token = modp.token;
  PropertyOf(token, "dh1") = ecdh.state.dh1;
  ExpectRefused(Reply(token).status(), "dh1");
}

TEST_F(KeyAgreementTest, S5RefusesASmallOrderValueThatAReplierSigned) {
  Choose(Choice::kDh, Choice::kAuto);
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  ASSERT_OK_AND_ASSIGN(HandshakeState replier, Reply(request.token));
  replier.dh2 = std::string(255, '\0') + '\1';
  ExpectRefused(Final(request.state, FinishReply(replier, bob_.Sign(ReplyTranscript(replier)))).status(), "dh2");
}

TEST_F(KeyAgreementTest, RefusesItsOwnPublicValueInTheOtherForm) {
  Choose(Choice::kDh, Choice::kAuto);
  // A number with a leading zero octet may need a shorter INTEGER than the two here.
  auto request = BeginRequest(alice_.local, alice_offer_);
  while (request.ok() && request->state.dh1[0] == '\0') request = BeginRequest(alice_.local, alice_offer_);
  ASSERT_OK(request.status());
  const std::string& dh1 = request->state.dh1;
  ASSERT_OK_AND_ASSIGN(HandshakeState replier, Reply(request->token));
  const bool is_high = (static_cast<unsigned char>(dh1[0]) & 0x80) != 0;
  replier.dh2 = (is_high ? std::string("\x02\x82\x01\x01\x00", 5) : std::string("\x02\x82\x01\x00", 4)) + dh1;
  ExpectRefused(Final(request->state, FinishReply(replier, bob_.Sign(ReplyTranscript(replier)))).status(),
                "reflection");
}

}  // namespace
}  // namespace ddskey
