#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "daemon/handshake/handshake.h"
#include "daemon/handshake/handshake_fixture.h"
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

}  // namespace
}  // namespace ddskey
