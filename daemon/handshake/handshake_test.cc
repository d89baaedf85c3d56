#include "daemon/handshake/handshake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include <functional>
#include <memory>
#include <string>

#include "daemon/handshake/cdr.h"
#include "daemon/handshake/participant_data.h"
#include "proto/contract/secret_access.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using ::ddskey::test::IsOk;
using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr uint32_t kDomain = 77;

std::string ParticipantDataOf(const Guid& guid, uint32_t domain = kDomain) {
  return std::string("\0\2\0\0\0\x0f\0\4\0\0\0", 11) + static_cast<char>(domain) + std::string("\0\x50\0\x10", 4) +
         GuidOctets(guid) + std::string("\0\1\0\0", 4);
}

// Party is a participant with a real P-256 key; its certificate is a name that stands for the key.
class Party {
 public:
  explicit Party(const std::string& name) : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), subject_("subject of " + name) {
    Guid candidate = {};
    candidate[0] = static_cast<uint8_t>(name[0]);
    candidate[15] = 0xc1;
    local = {.key_uuid = name,
             .certificate = "certificate of " + name,
             .guid = AdjustedGuid(subject_, candidate),
             .domain_id = kDomain};
  }

  LocalOffer OfferTo(const Party& peer, char challenge) const {
    return {.remote_guid = peer.local.guid,
            .challenge = std::string(32, challenge),
            .participant_data = ParticipantDataOf(local.guid),
            .permissions = "permissions of " + local.key_uuid,
            .remote_future_challenge = ""};
  }

  std::string Sign(const std::string& octets) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    std::string signature(80, '\0');
    size_t size = signature.size();
    EXPECT_EQ(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()), 1);
    EXPECT_EQ(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                             reinterpret_cast<const unsigned char*>(octets.data()), octets.size()),
              1);
    signature.resize(size);
    return signature;
  }

  PeerCredential Credential() const {
    return {subject_, [key = key_](std::string_view octets, std::string_view signature) {
              const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
              const auto* text = reinterpret_cast<const unsigned char*>(octets.data());
              const bool good =
                  EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
                  EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                                   signature.size(), text, octets.size()) == 1;
              return good ? absl::OkStatus() : absl::PermissionDeniedError("bad signature");
            }};
  }

  LocalParticipant local;

 private:
  std::shared_ptr<EVP_PKEY> key_;
  std::string subject_;
};

std::string& PropertyOf(HandshakeToken& token, const std::string& name) {
  for (BinaryProperty& property : token.binary_properties) {
    if (property.name == name) return property.value;
  }
  ADD_FAILURE() << "no property " << name;
  return token.class_id;
}

// Rehash makes hash_cN fit the altered credentials of a token, as an attacker would.
void Rehash(MessageRole role, HandshakeToken& token) {
  const auto message = ParseToken(role, token);
  if (message.ok())
    PropertyOf(token, role == MessageRole::kRequest ? "hash_c1" : "hash_c2") = HashCredentials(*message);
}

class HandshakeTest : public ::testing::Test {
 protected:
  absl::StatusOr<HandshakeState> Reply(const HandshakeToken& request) {
    auto message = ParseToken(MessageRole::kRequest, request);
    if (!message.ok()) return message.status();
    return PrepareReply(bob_.local, bob_offer_, *message, alice_.Credential());
  }
  absl::StatusOr<HandshakeState> Final(const HandshakeState& state, const HandshakeToken& reply) {
    auto message = ParseToken(MessageRole::kReply, reply);
    if (!message.ok()) return message.status();
    return PrepareFinal(state, *message, bob_.Credential());
  }
  absl::StatusOr<HandshakeOutcome> Finish(const HandshakeState& state, const HandshakeToken& token) {
    auto message = ParseToken(MessageRole::kFinal, token);
    if (!message.ok()) return message.status();
    return ProcessFinal(state, *message, alice_.Credential());
  }
  static void ExpectRefused(const absl::Status& status, const std::string& check) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("[" + check + "]")));
  }

  Party alice_{"alice"};
  Party bob_{"bob"};
  LocalOffer alice_offer_ = alice_.OfferTo(bob_, 'a');
  LocalOffer bob_offer_ = bob_.OfferTo(alice_, 'b');
};

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
}

TEST_F(HandshakeTest, SendsAllOptionalFieldsAndDemandsNone) {
  ASSERT_OK_AND_ASSIGN(RequestStep request, BeginRequest(alice_.local, alice_offer_));
  std::erase_if(request.token.binary_properties, [](const BinaryProperty& p) { return p.name == "hash_c1"; });
  ASSERT_OK_AND_ASSIGN(const HandshakeState replier, Reply(request.token));
  HandshakeToken reply = FinishReply(replier, bob_.Sign(ReplyTranscript(replier)));
  EXPECT_EQ(reply.binary_properties.size(), 12U);
  std::erase_if(reply.binary_properties,
                [](const BinaryProperty& p) { return p.name == "hash_c1" || p.name == "hash_c2" || p.name == "dh1"; });
  ASSERT_OK_AND_ASSIGN(const HandshakeState initiator, Final(request.state, reply));
  HandshakeToken final_token = FinishFinal(initiator, alice_.Sign(FinalTranscript(initiator)));
  EXPECT_EQ(final_token.binary_properties.size(), 7U);
  std::erase_if(final_token.binary_properties,
                [](const BinaryProperty& p) { return p.name.starts_with("hash_c") || p.name.starts_with("dh"); });
  EXPECT_OK(Finish(replier, final_token).status());
}

TEST_F(HandshakeTest, AcceptsAlgorithmNamesWithNul) {
  ASSERT_OK_AND_ASSIGN(RequestStep request, BeginRequest(alice_.local, alice_offer_));
  for (const char* name : {"c.dsign_algo", "c.kagree_algo"}) {
    EXPECT_FALSE(PropertyOf(request.token, name).ends_with('\0')) << "we send no NUL";
    PropertyOf(request.token, name).push_back('\0');
  }
  Rehash(MessageRole::kRequest, request.token);
  EXPECT_OK(Reply(request.token).status());
}

TEST_F(HandshakeTest, RefusesUnknownAlgorithmsByName) {
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  for (const char* name : {"c.dsign_algo", "c.kagree_algo"}) {
    HandshakeToken token = request.token;
    PropertyOf(token, name) = "ROT13";
    Rehash(MessageRole::kRequest, token);
    ExpectRefused(Reply(token).status(), name);
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
