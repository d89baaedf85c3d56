#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "daemon/handshake/handshake.h"
#include "daemon/handshake/handshake_fixture.h"
#include "proto/contract/secret_access.h"
#include "test/support/status_matchers.h"

// What other implementations send, and what stays refused all the same.
namespace ddskey {
namespace {

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

// ToleranceTest runs whole handshakes in which alterations stand for what another implementation sends. What a side
// alters of its own it signs as altered.
class ToleranceTest : public HandshakeTest {
 protected:
  using Alteration = std::function<void(HandshakeToken&)>;

  static void Drop(HandshakeToken& token, const std::vector<std::string>& names) {
    std::erase_if(token.binary_properties, [&names](const BinaryProperty& property) {
      return std::ranges::find(names, property.name) != names.end();
    });
  }

  // Completes a handshake whose messages go through the alterations, which both sides take as sent.
  void ExpectComplete(const Alteration& request_as, const Alteration& reply_as, const Alteration& final_as) {
    ASSERT_OK_AND_ASSIGN(RequestStep request, BeginRequest(alice_.local, alice_offer_));
    request_as(request.token);
    ASSERT_OK_AND_ASSIGN(const HandshakeMessage sent_request, ParseToken(MessageRole::kRequest, request.token));
    // What alice would have kept of a Request of that form.
    request.state.hash_c1 = HashCredentials(sent_request);
    ASSERT_OK_AND_ASSIGN(HandshakeState replier, Reply(request.token));
    HandshakeToken reply = FinishReply(replier, "");
    reply_as(reply);
    PropertyOf(reply, "signature") = "unsigned";
    ASSERT_OK_AND_ASSIGN(const HandshakeMessage sent_reply, ParseToken(MessageRole::kReply, reply));
    replier.hash_c2 = HashCredentials(sent_reply);
    PropertyOf(reply, "signature") = bob_.Sign(ReplyTranscript(replier));
    ASSERT_OK_AND_ASSIGN(const HandshakeState initiator, Final(request.state, reply));
    HandshakeToken last = FinishFinal(initiator, alice_.Sign(FinalTranscript(initiator)));
    final_as(last);
    ASSERT_OK_AND_ASSIGN(const HandshakeOutcome bobs, Finish(replier, last));
    ASSERT_OK_AND_ASSIGN(const HandshakeOutcome alices, OutcomeOfFinal(initiator));
    EXPECT_TRUE(
        ConstantTimeEquals(alices.shared_secret.Reveal(SecretAccess()), bobs.shared_secret.Reveal(SecretAccess())));
  }
  void ExpectComplete(const Alteration& as) { ExpectComplete(as, as, as); }
};

TEST_F(ToleranceTest, TakesEverySubsetOfTheOptionalFields) {
  const std::vector<std::string> optional = {"hash_c1", "hash_c2", "dh1", "dh2", "c.perm"};
  for (unsigned subset = 0; subset < 1U << optional.size(); ++subset) {
    SCOPED_TRACE(subset);
    std::vector<std::string> left_out;
    for (size_t i = 0; i < optional.size(); ++i) {
      if ((subset >> i & 1) != 0) left_out.push_back(optional[i]);
    }
    // What a message introduces is not optional in it.
    const auto without = [&left_out](const std::string& introduced) {
      return [&left_out, introduced](HandshakeToken& token) {
        std::vector<std::string> names = left_out;
        std::erase(names, introduced);
        // A hash that was made before c.perm was left out would be that of other credentials.
        if (std::ranges::find(names, "c.perm") != names.end()) names.insert(names.end(), {"hash_c1", "hash_c2"});
        Drop(token, names);
      };
    };
    ExpectComplete(without("dh1"), without("dh2"), without(""));
  }
}

TEST_F(ToleranceTest, WhateverOptionalFieldIsPresentMustMatch) {
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  const auto altered = [](HandshakeToken token, const std::string& name) {
    PropertyOf(token, name).back() ^= 1;
    return token;
  };
  ExpectRefused(Reply(altered(request.token, "hash_c1")).status(), "hash_c1");
  ASSERT_OK_AND_ASSIGN(const HandshakeState replier, Reply(request.token));
  const HandshakeToken reply = FinishReply(replier, bob_.Sign(ReplyTranscript(replier)));
  for (const char* name : {"hash_c1", "hash_c2", "dh1", "challenge1"}) {
    ExpectRefused(Final(request.state, altered(reply, name)).status(), name);
  }
  ASSERT_OK_AND_ASSIGN(const HandshakeState initiator, Final(request.state, reply));
  const HandshakeToken last = FinishFinal(initiator, alice_.Sign(FinalTranscript(initiator)));
  for (const char* name : {"hash_c1", "hash_c2", "dh1", "dh2", "challenge1", "challenge2"}) {
    ExpectRefused(Finish(replier, altered(last, name)).status(), name);
  }
}

TEST_F(ToleranceTest, SendsAlgorithmNamesWithoutNulAndTakesThemWithOne) {
  ASSERT_OK_AND_ASSIGN(RequestStep request, BeginRequest(alice_.local, alice_offer_));
  EXPECT_EQ(PropertyOf(request.token, "c.dsign_algo"), "ECDSA-SHA256");
  EXPECT_EQ(PropertyOf(request.token, "c.kagree_algo"), "ECDH+prime256v1-CEUM");
  const auto with_nul = [](HandshakeToken& token) {
    Drop(token, {"hash_c1", "hash_c2"});
    for (BinaryProperty& property : token.binary_properties) {
      if (property.name.ends_with("_algo")) property.value.push_back('\0');
    }
  };
  ExpectComplete(with_nul);
}

TEST_F(ToleranceTest, TakesNoMoreThanOneNul) {
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  for (const char* name : {"c.dsign_algo", "c.kagree_algo"}) {
    HandshakeToken token = request.token;
    PropertyOf(token, name).append(2, '\0');
    Rehash(MessageRole::kRequest, token);
    ExpectRefused(Reply(token).status(), name);
  }
}

TEST_F(ToleranceTest, TakesClassIdsOfAnyMinorVersion) {
  for (const char* version : {"1.1", "1.2", "1.12"}) {
    ExpectComplete(
        [version](HandshakeToken& token) { token.class_id.replace(token.class_id.find("1.0"), 3, version); });
  }
}

TEST_F(ToleranceTest, TakesPropertiesInAnyOrderAndIgnoresWhatItDoesNotKnow) {
  ExpectComplete([](HandshakeToken& token) {
    std::ranges::reverse(token.binary_properties);
    token.binary_properties.push_back({"ocsp_status", "response"});
    token.binary_properties.insert(token.binary_properties.begin(), {"com.example.vendor", std::string(1000, 'v')});
  });
}

TEST_F(ToleranceTest, TakesTheSignatureAlgorithmOfTheCaInsteadOfTheLeafs) {
  // Fast DDS names how its CA signed.
  ExpectComplete([](HandshakeToken& token) {
    Drop(token, {"hash_c1", "hash_c2"});
    for (BinaryProperty& property : token.binary_properties) {
      if (property.name == "c.dsign_algo") property.value = "RSASSA-PSS-SHA256";
    }
  });
}

TEST_F(ToleranceTest, HashesWhatItReceivedAndNotWhatItUnderstood) {
  // The same names with and without NUL are the same algorithms and not the same octets.
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  HandshakeToken token = request.token;
  PropertyOf(token, "c.kagree_algo").push_back('\0');
  ExpectRefused(Reply(token).status(), "hash_c1");
  Rehash(MessageRole::kRequest, token);
  ASSERT_OK_AND_ASSIGN(const HandshakeState replier, Reply(token));
  EXPECT_EQ(replier.hash_c1, PropertyOf(token, "hash_c1"));
  EXPECT_NE(replier.hash_c1, request.state.hash_c1);
  // Participant data with a parameter of a vendor's, in front and unknown.
  token = request.token;
  PropertyOf(token, "c.pdata").insert(4, std::string("\x80\x42\0\4abcd", 8));
  ExpectRefused(Reply(token).status(), "hash_c1");
  Rehash(MessageRole::kRequest, token);
  EXPECT_OK(Reply(token).status());
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

}  // namespace
}  // namespace ddskey
