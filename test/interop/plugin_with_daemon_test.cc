// Our plugin with the real daemon behind it, and the builtin plugin of Cyclone DDS on the other side, through their C
// interfaces.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "daemon/handshake/participant_data.h"
#include "daemon/trust/certificate.h"
#include "proto/contract/algorithm.h"
#include "test/support/pki.h"
#include "test/support/plugin_host.h"
#include "test/support/plugin_session.h"
#include "test/support/swtpm.h"
#include "test/support/test_daemon.h"

namespace ddskey::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

enum class Kind { kShim, kBuiltin };

// Side is a participant of one of the two plugins.
struct Side {
  Kind kind;
  std::string name;
  std::unique_ptr<PluginHost> host;
  std::unique_ptr<PluginParticipant> participant;
};

KeyAlgorithm AlgorithmOf(TestKeyType type) {
  switch (type) {
    case TestKeyType::kEcP384:
      return KeyAlgorithm::kEcP384;
    case TestKeyType::kRsa2048:
      return KeyAlgorithm::kRsa2048;
    case TestKeyType::kRsa3072:
      return KeyAlgorithm::kRsa3072;
    default:
      return KeyAlgorithm::kEcP256;
  }
}

class PluginWithDaemonTest : public ::testing::Test {
 protected:
  PluginWithDaemonTest() { setenv("DDSKEY_SOCKET", daemon_.socket().c_str(), 1); }

  explicit PluginWithDaemonTest(const TestDaemon::Options& options) : daemon_(options) {
    setenv("DDSKEY_SOCKET", daemon_.socket().c_str(), 1);
  }

  using Properties = std::map<std::string, std::string>;

  // Make makes a participant /O=Lab/CN=`name` that trusts `ca_`, certified by `issuer`.
  Side Make(Kind kind, const std::string& name, TestKeyType type, const TestCa& issuer, const Properties& more = {}) {
    Side side{kind, name, PluginHost::Load(kind == Kind::kShim ? kShimPlugin : kBuiltinPlugin), nullptr};
    PluginParticipant::Options options;
    options.permissions = "permissions of " + name;
    options.properties.insert(more.begin(), more.end());
    options.properties["dds.sec.auth.identity_ca"] = "data:," + issuer.certificate();
    const CertificateOptions certificate = {.subject = {{"O", "Lab"}, {"CN", name}}};
    if (kind == Kind::kShim) {
      const std::string algorithm(AlgorithmName(AlgorithmOf(type)));
      options.properties["dds.sec.auth.identity_certificate"] =
          "data:," + daemon_.Enroll(name, issuer, certificate, algorithm);
      options.properties["dds.sec.auth.private_key"] = "ddskey:" + name;
    } else {
      const TestKey key = TestKey::Generate(type);
      options.properties["dds.sec.auth.identity_certificate"] = "data:," + issuer.Issue(key.public_key(), certificate);
      options.properties["dds.sec.auth.private_key"] = "data:," + key.pem();
    }
    std::string error;
    side.participant = PluginParticipant::Create(*side.host, options, &error);
    EXPECT_NE(side.participant, nullptr) << error;
    return side;
  }

  // MakePair makes an initiator and a replier: the order of GUIDs is that of the hashes of the subjects.
  std::pair<Side, Side> MakePair(Kind initiator, Kind replier, TestKeyType type, const Properties& initiators = {}) {
    const bool in_order = HashOf("alpha") < HashOf("beta");
    return {Make(initiator, in_order ? "alpha" : "beta", type, ca_, initiators),
            Make(replier, in_order ? "beta" : "alpha", type, ca_)};
  }

  Guid HashOf(const std::string& name) const {
    const std::string certificate =
        ca_.Issue(TestKey::Generate().public_key(), {.subject = {{"O", "Lab"}, {"CN", name}}});
    return AdjustedGuid(Certificate::ParsePem(certificate)->front().subject_der(), Guid());
  }

  static v1::DeleteKeyRequest Purge(const std::string& name) {
    v1::DeleteKeyRequest request;
    request.set_name(name);
    request.set_purge(true);
    return request;
  }

  void Restart() {
    daemon_.Kill();
    daemon_.Start();
  }

  const TestCa ca_ = TestCa::Root("identity CA");
  TestDaemon daemon_;
};

using Combination = std::tuple<std::pair<Kind, Kind>, TestKeyType, bool>;

class PluginPairTest : public PluginWithDaemonTest, public ::testing::WithParamInterface<Combination> {};

TEST_P(PluginPairTest, AgreesOnOneSecretAndKnowsItsPeer) {
  const auto& [kinds, type, initiator_discovers] = GetParam();
  const auto [initiator, replier] = MakePair(kinds.first, kinds.second, type);
  ASSERT_TRUE(initiator.participant != nullptr && replier.participant != nullptr);
  PluginSession initiating(*initiator.participant, *replier.participant);
  PluginSession replying(*replier.participant, *initiator.participant);
  const HandshakeReport report =
      initiator_discovers ? RunHandshake(initiating, replying) : RunHandshake(replying, initiating);
  ASSERT_TRUE(report.complete) << report.failure << "\n" << daemon_.Log();
  EXPECT_EQ(report.first_initiated, initiator_discovers);

  EXPECT_EQ(initiating.SharedSecret(), replying.SharedSecret());
  EXPECT_EQ(initiating.SharedSecret().secret.size(), 32u);
  EXPECT_EQ(initiating.SharedSecret().challenge1, report.request.Binary("challenge1"));
  EXPECT_EQ(initiating.SharedSecret().challenge2, report.reply.Binary("challenge2"));
  EXPECT_EQ(initiating.Credential().Property("c.perm"), "permissions of " + replier.name);
  EXPECT_EQ(replying.Credential().Property("c.perm"), "permissions of " + initiator.name);
  EXPECT_THAT(initiating.Credential().Property("c.id").value_or(""), HasSubstr("BEGIN CERTIFICATE"));
}

TEST_P(PluginPairTest, ARestartOfTheDaemonBetweenAnyTwoStepsGoesUnnoticed) {
  const auto& [kinds, type, initiator_discovers] = GetParam();
  const auto [initiator, replier] = MakePair(kinds.first, kinds.second, type);
  ASSERT_TRUE(initiator.participant != nullptr && replier.participant != nullptr);
  PluginSession initiating(*initiator.participant, *replier.participant);
  PluginSession replying(*replier.participant, *initiator.participant);
  initiating.Validate();
  replying.Validate();
  Restart();
  const auto request = Patiently([&] { return initiating.BeginRequest(); });
  Restart();
  const Token received_request = request.message.Transmitted();
  const auto reply = Patiently([&] { return replying.BeginReply(received_request); });
  Restart();
  const Token received_reply = reply.message.Transmitted();
  const auto final_message = Patiently([&] { return initiating.Process(received_reply); });
  ASSERT_EQ(final_message.result, DDS_SECURITY_VALIDATION_OK_FINAL_MESSAGE) << final_message.error;
  Restart();
  const Token received_final = final_message.message.Transmitted();
  const auto done = Patiently([&] { return replying.Process(received_final); });
  ASSERT_EQ(done.result, DDS_SECURITY_VALIDATION_OK) << done.error;
  EXPECT_EQ(initiating.SharedSecret(), replying.SharedSecret());
}

std::string NameOf(const ::testing::TestParamInfo<Combination>& info) {
  const auto name = [](Kind kind) { return kind == Kind::kShim ? "Shim" : "Builtin"; };
  const auto& [kinds, type, initiator_discovers] = info.param;
  return std::string(name(kinds.first)) + "To" + name(kinds.second) + (IsRsa(AlgorithmOf(type)) ? "Rsa" : "Ec") +
         std::to_string(KeyBits(AlgorithmOf(type))) + (initiator_discovers ? "" : "DiscoveredByReplier");
}

INSTANTIATE_TEST_SUITE_P(Plugins, PluginPairTest,
                         ::testing::Combine(::testing::Values(std::pair(Kind::kShim, Kind::kShim),
                                                              std::pair(Kind::kShim, Kind::kBuiltin),
                                                              std::pair(Kind::kBuiltin, Kind::kShim)),
                                            ::testing::Values(TestKeyType::kEcP256, TestKeyType::kRsa2048),
                                            ::testing::Bool()),
                         &NameOf);

// The builtin plugin knows neither; what its participants send of them is ours to verify all the same.
INSTANTIATE_TEST_SUITE_P(LongerKeys, PluginPairTest,
                         ::testing::Combine(::testing::Values(std::pair(Kind::kShim, Kind::kShim)),
                                            ::testing::Values(TestKeyType::kEcP384, TestKeyType::kRsa3072),
                                            ::testing::Values(true)),
                         &NameOf);

TEST_F(PluginWithDaemonTest, APropertyMakesTheInitiatorAgreeByModp) {
  for (const char* name : {"ddskey.key_agreement", "dds.sec.auth.builtin.PKI-DH.preferred_key_agreement"}) {
    daemon_.admin().DeleteKey(Purge("alpha")).IgnoreError();
    daemon_.admin().DeleteKey(Purge("beta")).IgnoreError();
    const auto [initiator, replier] = MakePair(Kind::kShim, Kind::kShim, TestKeyType::kRsa2048, {{name, "DH"}});
    ASSERT_TRUE(initiator.participant != nullptr && replier.participant != nullptr);
    PluginSession initiating(*initiator.participant, *replier.participant);
    PluginSession replying(*replier.participant, *initiator.participant);
    const HandshakeReport report = RunHandshake(initiating, replying);
    ASSERT_TRUE(report.complete) << report.failure << "\n" << daemon_.Log();
    EXPECT_EQ(report.reply.Binary("c.kagree_algo"), "DH+MODP-2048-256");
    EXPECT_EQ(report.reply.Binary("dh2").value_or("").size(), 256u);
    EXPECT_EQ(initiating.SharedSecret(), replying.SharedSecret());
  }
}

TEST_F(PluginWithDaemonTest, RefusesAPeerOfAForeignCaAndNamesTheCheck) {
  const TestCa foreign = TestCa::Root("foreign CA");
  const bool in_order = HashOf("alpha") < HashOf("beta");
  const Side stranger = Make(Kind::kBuiltin, in_order ? "alpha" : "beta", TestKeyType::kEcP256, foreign);
  const Side ours = Make(Kind::kShim, in_order ? "beta" : "alpha", TestKeyType::kEcP256, ca_);
  PluginSession approaching(*stranger.participant, *ours.participant);
  PluginSession replying(*ours.participant, *stranger.participant);
  const HandshakeReport report = RunHandshake(approaching, replying);
  EXPECT_FALSE(report.complete);
  EXPECT_THAT(report.failure, AllOf(HasSubstr("begin_handshake_reply"), HasSubstr("ddskey:" + ours.name),
                                    HasSubstr("the peer was refused: [")));
}

TEST_F(PluginWithDaemonTest, AnAlteredReplyIsRefusedAndTheTrueOneStillTaken) {
  const auto [initiator, replier] = MakePair(Kind::kShim, Kind::kBuiltin, TestKeyType::kEcP256);
  PluginSession initiating(*initiator.participant, *replier.participant);
  PluginSession replying(*replier.participant, *initiator.participant);
  initiating.Validate();
  replying.Validate();
  const Token request = Patiently([&] { return initiating.BeginRequest(); }).message.Transmitted();
  const Token reply = replying.BeginReply(request).message.Transmitted();
  Token altered = reply;
  std::string signature = altered.Binary("signature").value_or("x");
  signature.back() = static_cast<char>(signature.back() ^ 1);
  altered.SetBinary("signature", signature);
  const auto refused = Patiently([&] { return initiating.Process(altered); });
  EXPECT_EQ(refused.result, DDS_SECURITY_VALIDATION_FAILED);
  EXPECT_THAT(refused.error, HasSubstr("[signature]"));
  const auto taken = Patiently([&] { return initiating.Process(reply); });
  EXPECT_EQ(taken.result, DDS_SECURITY_VALIDATION_OK_FINAL_MESSAGE) << taken.error;
}

TEST_F(PluginWithDaemonTest, AChallengeOtherThanTheAnnouncedOneIsRefusedUntilThePeerIsDiscoveredAnew) {
  const auto [initiator, replier] = MakePair(Kind::kShim, Kind::kShim, TestKeyType::kEcP256);
  PluginSession initiating(*initiator.participant, *replier.participant);
  Token announced = initiating.Validate().message.Transmitted();
  ASSERT_EQ(announced.Binary("future_challenge").value_or("").size(), 32u);
  const Token request = Patiently([&] { return initiating.BeginRequest(); }).message.Transmitted();
  EXPECT_EQ(request.Binary("challenge1"), announced.Binary("future_challenge"));
  announced.SetBinary("future_challenge", std::string(32, 'f'));
  {
    PluginSession replying(*replier.participant, *initiator.participant);
    replying.Validate(&announced);
    const auto refused = Patiently([&] { return replying.BeginReply(request); });
    EXPECT_EQ(refused.result, DDS_SECURITY_VALIDATION_FAILED);
    EXPECT_THAT(refused.error, HasSubstr("[challenge1]"));
  }
  PluginSession replying(*replier.participant, *initiator.participant);
  replying.Validate();
  const auto reply = Patiently([&] { return replying.BeginReply(request); });
  EXPECT_EQ(reply.result, DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_MESSAGE) << reply.error;
}

TEST_F(PluginWithDaemonTest, AnInitiatorThatLostSightOfItsPeerCompletesWithTheReplyToItsOldRequest) {
  const auto [initiator, replier] = MakePair(Kind::kShim, Kind::kBuiltin, TestKeyType::kEcP256);
  PluginSession replying(*replier.participant, *initiator.participant);
  replying.Validate();
  Token reply;
  {
    PluginSession before(*initiator.participant, *replier.participant);
    before.Validate();
    reply = replying.BeginReply(Patiently([&] { return before.BeginRequest(); }).message.Transmitted())
                .message.Transmitted();
  }
  PluginSession after(*initiator.participant, *replier.participant);
  after.Validate();
  Patiently([&] { return after.BeginRequest(); });
  const auto final_message = Patiently([&] { return after.Process(reply); });
  ASSERT_EQ(final_message.result, DDS_SECURITY_VALIDATION_OK_FINAL_MESSAGE) << final_message.error;
  EXPECT_EQ(replying.Process(final_message.message.Transmitted()).result, DDS_SECURITY_VALIDATION_OK);
  EXPECT_EQ(after.SharedSecret(), replying.SharedSecret());
}

TEST_F(PluginWithDaemonTest, AKeyOfNobodyAndAKeyThatDoesNotExistReadTheSame) {
  const auto host = PluginHost::Load(kShimPlugin);
  const auto refusal = [&](const std::string& name, const std::string& certificate) {
    PluginParticipant::Options options;
    options.properties = {{"dds.sec.auth.private_key", "ddskey:" + name},
                          {"dds.sec.auth.identity_certificate", "data:," + certificate}};
    std::string error;
    EXPECT_EQ(PluginParticipant::Create(*host, options, &error), nullptr);
    const size_t at = error.find(name);
    return at == std::string::npos ? error : error.replace(at, name.size(), "NAME");
  };
  const std::string certificate = daemon_.Enroll("alpha", ca_, {.subject = {{"O", "Lab"}, {"CN", "alpha"}}});
  daemon_.SetPolicy(R"(rule { name: "nobody" effect: ALLOW caller { uid: 4242 } key: "*" operation: HANDSHAKE })");
  EXPECT_EQ(refusal("alpha", certificate), refusal("absent", certificate));
  EXPECT_THAT(refusal("alpha", certificate), AllOf(HasSubstr("ddskeyctl key list"), Not(HasSubstr("exist"))));
}

class PluginWithTpmTest : public PluginWithDaemonTest {
 protected:
  // The TPM must be there before the daemon.
  explicit PluginWithTpmTest(std::unique_ptr<Swtpm> tpm = std::make_unique<Swtpm>())
      : PluginWithDaemonTest(TestDaemon::WithTpm(tpm->tcti())), tpm_(std::move(tpm)) {}

  const std::unique_ptr<Swtpm> tpm_;
};

TEST_F(PluginWithTpmTest, S4ATpmThatStandsStillMakesTheHandshakeTakeLongerAndJunkMeanwhileDoesNothing) {
  const auto [initiator, replier] = MakePair(Kind::kBuiltin, Kind::kShim, TestKeyType::kEcP256);
  PluginSession initiating(*initiator.participant, *replier.participant);
  PluginSession replying(*replier.participant, *initiator.participant);
  initiating.Validate();
  replying.Validate();
  const Token request = initiating.BeginRequest().message.Transmitted();
  tpm_->Stop();
  EXPECT_EQ(replying.BeginReply(request).result, DDS_SECURITY_VALIDATION_PENDING_RETRY);
  // A call waits for up to half a second: junk comes twice a second.
  const Token junk;
  for (int i = 0; i < 6; ++i) EXPECT_EQ(replying.BeginReply(junk).result, DDS_SECURITY_VALIDATION_PENDING_RETRY);
  tpm_->Continue();
  const auto reply = Patiently([&] { return replying.BeginReply(junk); });
  ASSERT_EQ(reply.result, DDS_SECURITY_VALIDATION_PENDING_HANDSHAKE_MESSAGE) << reply.error;
  const auto final_message = initiating.Process(reply.message.Transmitted());
  ASSERT_EQ(final_message.result, DDS_SECURITY_VALIDATION_OK_FINAL_MESSAGE) << final_message.error;
  const Token received = final_message.message.Transmitted();
  EXPECT_EQ(Patiently([&] { return replying.Process(received); }).result, DDS_SECURITY_VALIDATION_OK);
}

}  // namespace
}  // namespace ddskey::test
