#include "daemon/handshake/handshake_token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/handshake/cdr.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using ::ddskey::test::IsOk;
using ::ddskey::test::StatusIs;
using ::testing::StartsWith;

HandshakeMessage Request() {
  HandshakeMessage message;
  message.c_id = "-----BEGIN CERTIFICATE-----";
  message.c_perm = "permissions";
  message.c_pdata = "pdata";
  message.c_dsign_algo = "ECDSA-SHA256";
  message.c_kagree_algo = "ECDH+prime256v1-CEUM";
  message.dh1 = std::string(65, 'd');
  message.challenge1 = std::string(32, 'c');
  return message;
}

HandshakeToken RequestToken() { return BuildToken(MessageRole::kRequest, Request()); }

void ExpectRefused(const HandshakeToken& token, const std::string& check) {
  EXPECT_THAT(ParseToken(MessageRole::kRequest, token),
              StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("[" + check + "]")));
}

TEST(CdrTest, AlignsEveryLengthAndPadsNothingAfterTheLast) {
  const std::string octets = EncodeBinaryPropertySeq({{"a", "xyz"}, {"bcd", "q"}});
  const std::string expected(
      "\0\0\0\2"
      "\0\0\0\2a\0\0\0"
      "\0\0\0\3xyz\0"
      "\0\0\0\4bcd\0"
      "\0\0\0\1q",
      33);
  EXPECT_EQ(octets, expected);
}

TEST(HandshakeTokenTest, ParsesWhatItBuilds) {
  ASSERT_OK_AND_ASSIGN(const HandshakeMessage message, ParseToken(MessageRole::kRequest, RequestToken()));
  EXPECT_EQ(message.c_id, Request().c_id);
  EXPECT_EQ(message.dh1, Request().dh1);
  EXPECT_FALSE(message.hash_c1.has_value());
}

TEST(HandshakeTokenTest, AcceptsAnyMinorVersionOfTheClassId) {
  for (const char* version : {"1.0", "1.1", "1.2", "1.12"}) {
    HandshakeToken token = RequestToken();
    token.class_id = std::string("DDS:Auth:PKI-DH:") + version + "+Req";
    EXPECT_THAT(ParseToken(MessageRole::kRequest, token), IsOk()) << version;
  }
}

TEST(HandshakeTokenTest, RefusesForeignClassIds) {
  for (const char* class_id : {"", "DDS:Auth:PKI-DH:1.0", "DDS:Auth:PKI-DH:1.0+Reply", "DDS:Auth:PKI-DH:2.0+Req",
                               "DDS:Auth:PKI-DH:1.x+Req", "DDS:Auth:PKI-DH:+Req", "dds:auth:pki-dh:1.0+Req"}) {
    HandshakeToken token = RequestToken();
    token.class_id = class_id;
    ExpectRefused(token, "class_id");
  }
}

TEST(HandshakeTokenTest, RefusesMissingPropertiesByName) {
  for (const char* name : {"c.id", "c.pdata", "c.dsign_algo", "c.kagree_algo", "dh1", "challenge1"}) {
    HandshakeToken token = RequestToken();
    std::erase_if(token.binary_properties, [name](const BinaryProperty& property) { return property.name == name; });
    ExpectRefused(token, name);
  }
}

TEST(HandshakeTokenTest, DemandsNothingThatConnextLeavesOut) {
  HandshakeMessage reply = Request();
  reply.dh1.reset();
  reply.dh2 = std::string(65, 'e');
  reply.challenge2 = std::string(32, 'k');
  reply.signature = "signature";
  EXPECT_THAT(ParseToken(MessageRole::kReply, BuildToken(MessageRole::kReply, reply)), IsOk());
}

TEST(HandshakeTokenTest, RefusesWrongSizesAndDuplicates) {
  HandshakeToken shortened = RequestToken();
  shortened.binary_properties.back().value.pop_back();
  ExpectRefused(shortened, "challenge1");
  HandshakeToken doubled = RequestToken();
  doubled.binary_properties.push_back(doubled.binary_properties.front());
  ExpectRefused(doubled, "duplicate");
}

TEST(HandshakeTokenTest, BoundsWhatAPeerSends) {
  HandshakeToken many = RequestToken();
  for (int i = 0; i < 30; ++i) many.binary_properties.push_back({"x" + std::to_string(i), ""});
  ExpectRefused(many, "bounds");
  HandshakeToken large = RequestToken();
  large.binary_properties.push_back({"vendor", std::string(160 * 1024, 'x')});
  ExpectRefused(large, "bounds");
  HandshakeToken named = RequestToken();
  named.binary_properties.push_back({std::string(257, 'n'), ""});
  ExpectRefused(named, "bounds");
}

TEST(HandshakeTokenTest, IgnoresPropertiesItDoesNotKnow) {
  HandshakeToken token = RequestToken();
  token.binary_properties.push_back({"vendor.property", "x"});
  EXPECT_THAT(ParseToken(MessageRole::kRequest, token), IsOk());
}

TEST(HandshakeTokenTest, HashesTheCredentialsAsReceived) {
  HandshakeMessage with_nul = Request();
  with_nul.c_dsign_algo->push_back('\0');
  EXPECT_NE(HashCredentials(with_nul), HashCredentials(Request()));
  EXPECT_EQ(HashCredentials(Request()).size(), 32U);
}

}  // namespace
}  // namespace ddskey
