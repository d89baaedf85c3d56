#include "daemon/handshake/handshake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "daemon/handshake/handshake_fixture.h"
#include "daemon/handshake/handshake_state.h"
#include "proto/contract/secret_access.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(HandshakeTest, BothSidesAgreeOnASecret) {
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  ASSERT_OK_AND_ASSIGN(const HandshakeState replier, Reply(request.token));
  const HandshakeToken reply = FinishReply(replier, bob_.Sign(ReplyTranscript(replier)));
  ASSERT_OK_AND_ASSIGN(const HandshakeState initiator, Final(request.state, reply));
  const HandshakeToken final_token = FinishFinal(initiator, alice_.Sign(FinalTranscript(initiator)));
  ASSERT_OK_AND_ASSIGN(const HandshakeOutcome bobs, Finish(replier, final_token));
  ASSERT_OK_AND_ASSIGN(const HandshakeOutcome alices, OutcomeOfFinal(initiator));

  EXPECT_TRUE(
      ConstantTimeEquals(alices.shared_secret.Reveal(SecretAccess()), bobs.shared_secret.Reveal(SecretAccess())));
  EXPECT_EQ(alices.challenge1, alice_offer_.challenge);
  EXPECT_EQ(bobs.challenge2, bob_offer_.challenge);
  EXPECT_EQ(alices.peer_permissions, "permissions of bob");
  EXPECT_EQ(bobs.peer_permissions, "permissions of alice");
  EXPECT_EQ(alices.peer_ocsp_response, "");
}

TEST_F(HandshakeTest, BothSidesHaveWhatAResponderSaidOfTheOther) {
  alice_.local.ocsp_response = "of alice";
  bob_.local.ocsp_response = "of bob";
  ASSERT_OK_AND_ASSIGN(RequestStep request, BeginRequest(alice_.local, alice_offer_));
  EXPECT_EQ(PropertyOf(request.token, "ocsp_status"), "of alice");
  ASSERT_OK_AND_ASSIGN(HandshakeState replier, Reply(request.token));
  // Through the ticket of a step that waits for its signature.
  auto secret = std::move(replier.secret);
  ASSERT_TRUE(DecodeState(EncodeState(replier)).has_value());
  replier = *DecodeState(EncodeState(replier));
  replier.secret = std::move(secret);
  HandshakeToken reply = FinishReply(replier, bob_.Sign(ReplyTranscript(replier)));
  EXPECT_EQ(PropertyOf(reply, "ocsp_status"), "of bob");
  ASSERT_OK_AND_ASSIGN(const HandshakeState initiator, Final(request.state, reply));
  const HandshakeToken final_token = FinishFinal(initiator, alice_.Sign(FinalTranscript(initiator)));
  ASSERT_OK_AND_ASSIGN(const HandshakeOutcome bobs, Finish(replier, final_token));
  ASSERT_OK_AND_ASSIGN(const HandshakeOutcome alices, OutcomeOfFinal(initiator));
  EXPECT_EQ(alices.peer_ocsp_response, "of bob");
  EXPECT_EQ(bobs.peer_ocsp_response, "of alice");
}

TEST_F(HandshakeTest, AnOcspStatusOver16KiBIsRefused) {
  alice_.local.ocsp_response = std::string(16 * 1024 + 1, 'x');
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  ExpectRefused(Reply(request.token).status(), "ocsp_status");
}

TEST_F(HandshakeTest, NamesTheSignatureAlgorithmByTheKindOfKeyWhateverItsLength) {
  for (const KeyAlgorithm algorithm : kAllAlgorithms) {
    alice_.local.algorithm = algorithm;
    ASSERT_OK_AND_ASSIGN(RequestStep request, BeginRequest(alice_.local, alice_offer_));
    EXPECT_EQ(PropertyOf(request.token, "c.dsign_algo"), IsRsa(algorithm) ? "RSASSA-PSS-SHA256" : "ECDSA-SHA256");
  }
}

// Every octet of every property of a token is altered in turn. `refused` runs the step that must refuse it and says by
// which check; an alteration that only a later step can see is tried there by the test of that step.
void ForEachAlteration(const HandshakeToken& token,
                       const std::function<void(const HandshakeToken&, const std::string&, size_t)>& visit) {
  for (size_t i = 0; i < token.binary_properties.size(); ++i) {
    for (size_t at = 0; at < token.binary_properties[i].value.size(); ++at) {
      HandshakeToken altered = token;
      altered.binary_properties[i].value[at] ^= 0x01;
      visit(altered, altered.binary_properties[i].name, at);
    }
  }
}

TEST_F(HandshakeTest, RefusesEveryAlteredOctetOfARequest) {
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  ForEachAlteration(request.token, [&](const HandshakeToken& altered, const std::string& name, size_t at) {
    auto replier = Reply(altered);
    if (!replier.ok()) {
      EXPECT_THAT(replier.status(), StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("["))) << name << " " << at;
      return;
    }
    // challenge1 is not authenticated by a Request: the Reply that repeats it is refused by the initiator.
    EXPECT_EQ(name, "challenge1");
    const HandshakeToken reply = FinishReply(*replier, bob_.Sign(ReplyTranscript(*replier)));
    ExpectRefused(Final(request.state, reply).status(), "challenge1");
  });
}

TEST_F(HandshakeTest, RefusesEveryAlteredOctetOfAReply) {
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  ASSERT_OK_AND_ASSIGN(const HandshakeState replier, Reply(request.token));
  const HandshakeToken reply = FinishReply(replier, bob_.Sign(ReplyTranscript(replier)));
  ForEachAlteration(reply, [&](const HandshakeToken& altered, const std::string& name, size_t at) {
    EXPECT_THAT(Final(request.state, altered).status(), StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("[")))
        << name << " " << at;
  });
  EXPECT_OK(Final(request.state, reply).status()) << "an honest Reply still completes after all the bad ones";
}

TEST_F(HandshakeTest, RefusesEveryAlteredOctetOfAFinal) {
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  ASSERT_OK_AND_ASSIGN(const HandshakeState replier, Reply(request.token));
  const HandshakeToken reply = FinishReply(replier, bob_.Sign(ReplyTranscript(replier)));
  ASSERT_OK_AND_ASSIGN(const HandshakeState initiator, Final(request.state, reply));
  const HandshakeToken final_token = FinishFinal(initiator, alice_.Sign(FinalTranscript(initiator)));
  ForEachAlteration(final_token, [&](const HandshakeToken& altered, const std::string& name, size_t at) {
    EXPECT_THAT(Finish(replier, altered).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("[" + name + "]")))
        << at;
  });
  EXPECT_OK(Finish(replier, final_token).status());
}

TEST_F(HandshakeTest, S7RefusesParticipantDataOfAnotherGuidOrDomain) {
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  const auto refused_with = [&](const std::string& pdata, const std::string& check) {
    HandshakeToken token = request.token;
    PropertyOf(token, "c.pdata") = pdata;
    Rehash(MessageRole::kRequest, token);
    ExpectRefused(Reply(token).status(), check);
  };
  refused_with(ParticipantDataOf(bob_.local.guid), "guid");
  for (size_t octet = 0; octet < 16; ++octet) {
    Guid other = alice_.local.guid;
    other[octet] ^= 1;
    refused_with(ParticipantDataOf(other), "guid");
  }
  refused_with(ParticipantDataOf(alice_.local.guid, kDomain + 1), "domain");
}

TEST_F(HandshakeTest, S7RefusesACertificateUnderAnotherParticipantsGuid) {
  const Party mallory("mallory");
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  ASSERT_OK_AND_ASSIGN(const HandshakeMessage message, ParseToken(MessageRole::kRequest, request.token));
  ExpectRefused(PrepareReply(bob_.local, bob_offer_, message, mallory.Credential()).status(), "guid_subject");
}

TEST_F(HandshakeTest, S7RefusesToSpeakForAnotherGuidOrDomain) {
  LocalOffer offer = alice_offer_;
  offer.participant_data = ParticipantDataOf(bob_.local.guid);
  EXPECT_THAT(BeginRequest(alice_.local, offer), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("GUID")));
  offer.participant_data = ParticipantDataOf(alice_.local.guid, kDomain + 1);
  EXPECT_THAT(BeginRequest(alice_.local, offer), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("domain")));
}

TEST_F(HandshakeTest, RefusesChallengesThatWereNotAnnounced) {
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  bob_offer_.remote_future_challenge = std::string(32, 'x');
  ExpectRefused(Reply(request.token).status(), "challenge1");
  bob_offer_.remote_future_challenge = alice_offer_.challenge;
  ASSERT_OK_AND_ASSIGN(const HandshakeState replier, Reply(request.token));
  alice_offer_.remote_future_challenge = std::string(32, 'x');
  ASSERT_OK_AND_ASSIGN(const RequestStep expecting, BeginRequest(alice_.local, alice_offer_));
  bob_offer_.remote_future_challenge.clear();
  ASSERT_OK_AND_ASSIGN(const HandshakeState answered, Reply(expecting.token));
  const HandshakeToken reply = FinishReply(answered, bob_.Sign(ReplyTranscript(answered)));
  ExpectRefused(Final(expecting.state, reply).status(), "challenge2");
}

TEST_F(HandshakeTest, RefusesItsOwnValuesReflected) {
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  bob_offer_.challenge = alice_offer_.challenge;
  ExpectRefused(Reply(request.token).status(), "reflection");
  LocalOffer to_self = alice_offer_;
  to_self.remote_guid = alice_.local.guid;
  ExpectRefused(BeginRequest(alice_.local, to_self).status(), "reflection");
}

TEST_F(HandshakeTest, S5RefusesPublicValuesOffTheCurve) {
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  const auto refused = [&](const std::string& dh1) {
    HandshakeToken token = request.token;
    PropertyOf(token, "dh1") = dh1;
    ExpectRefused(Reply(token).status(), "dh1");
  };
  refused(std::string(65, '\0'));
  refused("\x04" + std::string(64, '\0'));
  refused("\x04" + std::string(64, '\xff'));
  refused(std::string(1, '\0'));
  refused("\x02" + request.state.dh1.substr(1, 32));
  refused("\x06" + request.state.dh1.substr(1));
  refused(request.state.dh1.substr(0, 64));
}

TEST_F(HandshakeTest, RefusesSomebodyElsesSignature) {
  const Party mallory("mallory");
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  ASSERT_OK_AND_ASSIGN(const HandshakeState replier, Reply(request.token));
  ExpectRefused(Final(request.state, FinishReply(replier, mallory.Sign(ReplyTranscript(replier)))).status(),
                "signature");
  // A Final's octets are not a Reply's.
  ExpectRefused(Final(request.state, FinishReply(replier, bob_.Sign(FinalTranscript(replier)))).status(), "signature");
}

TEST_F(HandshakeTest, StatesSurviveTheirTicket) {
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  ASSERT_OK_AND_ASSIGN(HandshakeState replier, Reply(request.token));
  auto decoded = DecodeState(EncodeState(replier));
  ASSERT_TRUE(decoded.has_value());
  decoded->secret = std::move(replier.secret);
  EXPECT_EQ(ReplyTranscript(*decoded), ReplyTranscript(replier));
  const HandshakeToken reply = FinishReply(*decoded, bob_.Sign(ReplyTranscript(*decoded)));
  EXPECT_OK(Final(request.state, reply).status());
  const std::string body = EncodeState(replier);
  for (size_t size = 0; size < body.size(); size += 7) {
    EXPECT_FALSE(DecodeState(std::string_view(body).substr(0, size)).has_value());
  }
}

TEST_F(HandshakeTest, SignsNothingThatBeginsWithText) {
  // What else a handshake key signs begins with an ASCII prefix; a transcript begins with the count 6.
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  ASSERT_OK_AND_ASSIGN(const HandshakeState replier, Reply(request.token));
  EXPECT_EQ(ReplyTranscript(replier).substr(0, 4), std::string("\0\0\0\6", 4));
  EXPECT_EQ(FinalTranscript(replier).substr(0, 4), std::string("\0\0\0\6", 4));
  EXPECT_NE(ReplyTranscript(replier), FinalTranscript(replier));
}

}  // namespace
}  // namespace ddskey
