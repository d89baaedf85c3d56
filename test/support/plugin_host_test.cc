#include "test/support/plugin_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/pki.h"
#include "test/support/plugin_session.h"

namespace ddskey::test {
namespace {

using ::testing::HasSubstr;

// The host must drive a plugin as the core does: so it is first shown to lead the builtin plugin through a handshake
// with itself.
class PluginHostTest : public ::testing::TestWithParam<TestKeyType> {
 protected:
  PluginParticipant::Options OptionsOf(const std::string& name) const {
    const TestKey key = TestKey::Generate(GetParam());
    PluginParticipant::Options options;
    options.properties = {
        {"dds.sec.auth.identity_ca", "data:," + ca_.certificate()},
        {"dds.sec.auth.identity_certificate",
         "data:," + ca_.Issue(key.public_key(), {.subject = {{"O", "Lab"}, {"CN", name}}})},
        {"dds.sec.auth.private_key", "data:," + key.pem()},
    };
    options.permissions = "permissions of " + name;
    return options;
  }

  const TestCa ca_ = TestCa::Root("identity CA");
  const std::unique_ptr<PluginHost> host_ = PluginHost::Load(kBuiltinPlugin);
};

TEST_P(PluginHostTest, LeadsTheBuiltinPluginThroughAHandshake) {
  std::string error;
  const auto talker = PluginParticipant::Create(*host_, OptionsOf("talker"), &error);
  ASSERT_NE(talker, nullptr) << error;
  const auto listener = PluginParticipant::Create(*host_, OptionsOf("listener"), &error);
  ASSERT_NE(listener, nullptr) << error;
  EXPECT_NE(talker->guid(), listener->guid());

  PluginSession talking(*talker, *listener);
  PluginSession listening(*listener, *talker);
  const HandshakeReport report = RunHandshake(talking, listening);
  ASSERT_TRUE(report.complete) << report.failure;
  EXPECT_EQ(report.first_initiated, talker->guid() < listener->guid());
  EXPECT_EQ(talking.SharedSecret(), listening.SharedSecret());
  EXPECT_EQ(talking.SharedSecret().secret.size(), 32u);
  EXPECT_EQ(talking.Credential().Property("c.perm"), "permissions of listener");
  EXPECT_THAT(listening.Credential().Property("c.id").value_or(""), HasSubstr("BEGIN CERTIFICATE"));
}

TEST_P(PluginHostTest, NoticesThatTheBuiltinPluginRefusesAnAlteredMessage) {
  std::string error;
  const auto talker = PluginParticipant::Create(*host_, OptionsOf("talker"), &error);
  const auto listener = PluginParticipant::Create(*host_, OptionsOf("listener"), &error);
  ASSERT_TRUE(talker != nullptr && listener != nullptr) << error;
  PluginSession talking(*talker, *listener);
  PluginSession listening(*listener, *talker);
  const bool talker_first = talking.Validate().result == DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_REQUEST;
  listening.Validate();
  PluginSession& initiator = talker_first ? talking : listening;
  PluginSession& replier = talker_first ? listening : talking;
  Token reply = replier.BeginReply(initiator.BeginRequest().message.Transmitted()).message.Transmitted();
  std::string signature = reply.Binary("signature").value_or("");
  ASSERT_FALSE(signature.empty());
  signature.back() = static_cast<char>(signature.back() ^ 1);
  reply.SetBinary("signature", signature);
  EXPECT_EQ(initiator.Process(reply).result, DDS_SECURITY_VALIDATION_FAILED);
}

INSTANTIATE_TEST_SUITE_P(Keys, PluginHostTest, ::testing::Values(TestKeyType::kEcP256, TestKeyType::kRsa2048));

}  // namespace
}  // namespace ddskey::test
