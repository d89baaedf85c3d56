// Handshakes through the real daemon, by way of its socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/swtpm.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey {
namespace {

using ::ddskey::test::Named;
using ::ddskey::test::Shake;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestParticipant;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Pair is a daemon with two enrolled identities and a participant for each.
struct Pair {
  explicit Pair(const TestDaemon::Options& options, const std::string& algorithm = "ec-p256")
      : daemon(options),
        alice(daemon.socket(), "alice", daemon.Enroll("alice", ca, Named("alice"), algorithm), 'a'),
        bob(daemon.socket(), "bob", daemon.Enroll("bob", ca, Named("bob"), algorithm), 'b') {}

  CallStatus Validate() {
    const CallStatus first = alice.Validate();
    return first.ok() ? bob.Validate() : first;
  }

  TestCa ca = TestCa::Root("identity CA");
  TestDaemon daemon;
  TestParticipant alice;
  TestParticipant bob;
};

void ExpectShake(TestParticipant& initiator, TestParticipant& replier) {
  const CallStatus status = Shake(initiator, replier);
  EXPECT_TRUE(status.ok()) << static_cast<int>(status.code) << ": " << status.message;
}

TEST(HandshakeTest, AgreesWithSoftwareKeys) {
  for (const char* algorithm : {"ec-p256", "ec-p384", "rsa-2048", "rsa-3072"}) {
    Pair pair({}, algorithm);
    ASSERT_TRUE(pair.Validate().ok());
    ExpectShake(pair.alice, pair.bob);
    ExpectShake(pair.bob, pair.alice);
    EXPECT_EQ(pair.daemon.Status().backends(0).signatures(), 4U);
    EXPECT_EQ(pair.daemon.Status().handshakes_allowed(), 4U);
  }
}

TEST(HandshakeTest, AgreesWithTpmKeys) {
  const test::Swtpm tpm;
  for (const char* algorithm : {"ec-p256", "ec-p384", "rsa-2048", "rsa-3072"}) {
    Pair pair(TestDaemon::WithTpm(tpm.tcti()), algorithm);
    ASSERT_TRUE(pair.Validate().ok());
    ExpectShake(pair.alice, pair.bob);
    EXPECT_EQ(pair.daemon.Status().backends(0).signatures(), 2U);
  }
}

std::string KeyAgreementOf(const v1::DataHolder& message) {
  for (const v1::BinaryProperty& property : message.binary_properties()) {
    if (property.name() == "c.kagree_algo") return property.value();
  }
  return "";
}

TEST(HandshakeTest, TheInitiatorsKeyAgreementIsUsedUnlessTheReplierTakesAnotherOnly) {
  Pair pair({});
  pair.alice.request.set_key_agreement(v1::KEY_AGREEMENT_CHOICE_DH);
  ASSERT_TRUE(pair.Validate().ok());
  ExpectShake(pair.alice, pair.bob);
  ExpectShake(pair.bob, pair.alice);
  EXPECT_EQ(KeyAgreementOf(pair.alice.Request(pair.bob).value.message()), "DH+MODP-2048-256");
  EXPECT_EQ(KeyAgreementOf(pair.bob.Request(pair.alice).value.message()), "ECDH+prime256v1-CEUM");

  pair.bob.request.set_key_agreement(v1::KEY_AGREEMENT_CHOICE_ECDH_ONLY);
  ASSERT_TRUE(pair.Validate().ok());
  ExpectShake(pair.bob, pair.alice);
  const CallStatus refused = Shake(pair.alice, pair.bob);
  EXPECT_EQ(refused.code, CallCode::kInvalidArgument);
  EXPECT_THAT(refused.message, StartsWith("[c.kagree_algo]"));

  pair.bob.request.set_key_agreement(static_cast<v1::KeyAgreementChoice>(99));
  EXPECT_EQ(pair.bob.Validate().code, CallCode::kInvalidArgument);
}

TEST(HandshakeTest, ARestartOfTheDaemonBetweenAnyTwoStepsGoesUnnoticed) {
  const test::Swtpm tpm;
  Pair pair(TestDaemon::WithTpm(tpm.tcti()));
  const auto restart = [&] {
    pair.daemon.Kill();
    pair.daemon.Start();
  };
  ASSERT_TRUE(pair.Validate().ok());
  restart();
  const auto request = pair.alice.Request(pair.bob);
  ASSERT_TRUE(request.status.ok()) << request.status.message;
  restart();
  const auto prepared = pair.bob.Reply(pair.alice, request.value.message(), 0);
  ASSERT_TRUE(prepared.status.ok()) << prepared.status.message;
  restart();
  const auto reply = pair.bob.Finish(prepared);
  ASSERT_TRUE(reply.status.ok()) << reply.status.message;
  restart();
  const auto final_step =
      pair.alice.Finish(pair.alice.Process(request.value.handshake_ticket(), reply.value.message()));
  ASSERT_TRUE(final_step.status.ok()) << final_step.status.message;
  restart();
  const auto done = pair.bob.Process(reply.value.handshake_ticket(), final_step.value.message());
  ASSERT_TRUE(done.status.ok()) << done.status.message;
  EXPECT_EQ(done.value.result().shared_secret(), final_step.value.result().shared_secret());
}

TEST(HandshakeTest, S4AStoppedTpmMakesAHandshakePendingAndNobodyElseWaits) {
  test::Swtpm tpm;
  Pair pair(TestDaemon::WithTpm(tpm.tcti()));
  ASSERT_TRUE(pair.Validate().ok());
  const auto request = pair.alice.Request(pair.bob);
  ASSERT_TRUE(request.status.ok()) << request.status.message;
  tpm.Stop();
  const auto pending = pair.bob.Reply(pair.alice, request.value.message(), 50);
  ASSERT_TRUE(pending.status.ok()) << pending.status.message;
  EXPECT_FALSE(pending.value.sign_ticket().empty());
  EXPECT_FALSE(pending.value.has_message());
  // What needs no device goes on.
  EXPECT_TRUE(pair.alice.Request(pair.bob).status.ok());
  EXPECT_TRUE(pair.alice.Validate().ok());
  tpm.Continue();
  const auto reply = pair.bob.Finish(pending);
  ASSERT_TRUE(reply.status.ok()) << reply.status.message;
  EXPECT_TRUE(reply.value.has_message());
}

TEST(HandshakeTest, ATpmThatWasKilledOrResetOnlyMakesHandshakesTakeLonger) {
  test::Swtpm tpm;
  Pair pair(TestDaemon::WithTpm(tpm.tcti()));
  ASSERT_TRUE(pair.Validate().ok());
  tpm.PowerCycle();
  ExpectShake(pair.alice, pair.bob);
  tpm.Kill();
  const auto request = pair.alice.Request(pair.bob);
  ASSERT_TRUE(request.status.ok()) << request.status.message;
  auto pending = pair.bob.Reply(pair.alice, request.value.message(), 20);
  EXPECT_TRUE(pending.status.ok() || pending.status.code == CallCode::kUnavailable) << pending.status.message;
  EXPECT_TRUE(test::WaitFor([&] { return !pair.daemon.Status().backends(0).healthy(); }));
  tpm.Restart();
  ExpectShake(pair.alice, pair.bob);
  EXPECT_TRUE(pair.daemon.Status().backends(0).healthy()) << pair.daemon.Status().backends(0).problem();
}

TEST(HandshakeTest, S5ATicketOfAnotherStepOrAnotherParticipantIsRefused) {
  Pair pair({});
  ASSERT_TRUE(pair.Validate().ok());
  const auto request = pair.alice.Request(pair.bob);
  const auto reply = pair.bob.Finish(pair.bob.Reply(pair.alice, request.value.message()));
  ASSERT_TRUE(reply.status.ok()) << reply.status.message;
  const auto code = [](const CallResult<v1::HandshakeStep>& step) { return step.status.code; };
  EXPECT_EQ(code(pair.bob.Process(request.value.handshake_ticket(), reply.value.message())),
            CallCode::kFailedPrecondition);
  EXPECT_EQ(code(pair.alice.Process(reply.value.handshake_ticket(), reply.value.message())),
            CallCode::kFailedPrecondition);
  EXPECT_EQ(code(pair.alice.Sign(request.value.handshake_ticket())), CallCode::kFailedPrecondition);
  EXPECT_EQ(code(pair.alice.Process("x", reply.value.message())), CallCode::kFailedPrecondition);
}

TEST(HandshakeTest, AForeignCaIsRefusedWithTheCheck) {
  Pair pair({});
  const TestCa foreign = TestCa::Root("foreign CA");
  TestParticipant mallory(pair.daemon.socket(), "mallory", pair.daemon.Enroll("mallory", foreign, Named("mallory")),
                          'm');
  ASSERT_TRUE(pair.Validate().ok());
  ASSERT_TRUE(mallory.Validate().ok());
  const CallStatus refused = Shake(mallory, pair.alice);
  EXPECT_EQ(refused.code, CallCode::kPermissionDenied);
  EXPECT_THAT(refused.message, StartsWith("[issuer]"));
  EXPECT_TRUE(test::WaitFor([&] { return pair.daemon.Log().find("[issuer]") != std::string::npos; }));
}

TEST(HandshakeTest, AnExpiredCertificateIsRefusedAtInstallation) {
  TestDaemon daemon;
  const TestCa ca = TestCa::Root("identity CA");
  daemon.Enroll("alice", ca, Named("alice"));
  test::CertificateOptions expired = Named("alice");
  expired.not_after = absl::Now() - absl::Hours(1);
  test::CertificateOptions early = Named("alice");
  early.not_before = absl::Now() + absl::Hours(1);
  for (const auto& [options, check] : {std::pair(expired, "[expired]"), std::pair(early, "[not_yet_valid]")}) {
    v1::InstallCertificateRequest install;
    install.set_key_name("alice");
    v1::GetKeyRequest get;
    get.set_name("alice");
    const std::string key = test::TestDaemon::PublicKeyOf(daemon.admin().GetKey(get)->key());
    install.set_certificate_chain(ca.Issue(key, options));
    const auto refused = daemon.admin().InstallCertificate(install);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr(check));
  }
  v1::InstallCertificateRequest mismatch;
  mismatch.set_key_name("alice");
  mismatch.set_certificate_chain(ca.Issue(test::TestKey::Generate().public_key(), Named("alice")));
  const auto refused = daemon.admin().InstallCertificate(mismatch);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("another key; the first certificate must be made from: ddskeyctl csr alice --subject /O="));
}

TEST(HandshakeTest, S8TrustIsNotTheCallersToChoose) {
  Pair pair({});
  const TestCa foreign = TestCa::Root("foreign CA");
  pair.alice.request.add_identity_ca(foreign.certificate());
  const CallStatus refused = pair.alice.Validate();
  EXPECT_EQ(refused.code, CallCode::kFailedPrecondition);
  EXPECT_THAT(refused.message, HasSubstr("foreign CA"));
  EXPECT_THAT(refused.message, HasSubstr("identity CA"));
  pair.alice.request.clear_identity_ca();
  pair.alice.request.add_identity_ca(pair.ca.certificate());
  EXPECT_TRUE(pair.alice.Validate().ok());
}

TEST(HandshakeTest, S1AKeyOfAnotherPurposeReadsLikeNoKeyAtAll) {
  TestDaemon daemon;
  v1::CreateKeyRequest create;
  create.set_name("signer");
  create.set_purpose("digest");
  ASSERT_TRUE(daemon.admin().CreateKey(create).ok());
  TestParticipant wrong_purpose(daemon.socket(), "signer", "x", 's');
  TestParticipant absent(daemon.socket(), "nobody", "x", 'n');
  const CallStatus first = wrong_purpose.Validate();
  const CallStatus second = absent.Validate();
  EXPECT_EQ(first.code, CallCode::kPermissionDenied);
  EXPECT_EQ(second.code, first.code);
  EXPECT_EQ(second.message, first.message);
  EXPECT_TRUE(
      test::WaitFor([&] { return daemon.Log().find("not made for the purpose handshake") != std::string::npos; }));
  EXPECT_TRUE(test::WaitFor([&] { return daemon.Log().find("no such key") != std::string::npos; }));
}

TEST(HandshakeTest, DeletedKeysEndTheirParticipantsHandshakesAtOnce) {
  Pair pair({});
  ASSERT_TRUE(pair.Validate().ok());
  const auto request = pair.alice.Request(pair.bob);
  const auto prepared = pair.bob.Reply(pair.alice, request.value.message(), 0);
  ASSERT_TRUE(prepared.status.ok()) << prepared.status.message;
  v1::DeleteKeyRequest remove;
  remove.set_name("bob");
  ASSERT_TRUE(pair.daemon.admin().DeleteKey(remove).ok());
  EXPECT_EQ(pair.bob.Sign(prepared.value.sign_ticket()).status.code, CallCode::kPermissionDenied);
  EXPECT_EQ(pair.bob.Request(pair.alice).status.code, CallCode::kPermissionDenied);
}

TEST(HandshakeTest, APolicyThatDeniesAPeerIsReloadedWhileRunning) {
  Pair pair({});
  ASSERT_TRUE(pair.Validate().ok());
  ExpectShake(pair.alice, pair.bob);
  const std::string all = R"(rule { name: "all" effect: ALLOW caller { uid: 0 } key: "*"
      operation: [HANDSHAKE, KEY_LIST, STATUS] })";
  pair.daemon.SetPolicy(all + R"(rule { name: "not bob" effect: DENY caller { uid: 0 } key: "alice"
      operation: HANDSHAKE peer { subject: "*CN=bob*" } })");
  const CallStatus refused = Shake(pair.bob, pair.alice);
  EXPECT_EQ(refused.code, CallCode::kPermissionDenied);
  EXPECT_THAT(refused.message, StartsWith("[peer]"));
  EXPECT_TRUE(test::WaitFor([&] { return pair.daemon.Log().find("not bob") != std::string::npos; }));
  pair.daemon.SetPolicy("rule { this is no policy");
  EXPECT_EQ(Shake(pair.bob, pair.alice).code, CallCode::kPermissionDenied) << "a broken policy is not taken";
  EXPECT_THAT(pair.daemon.Status().policy_error(), HasSubstr("policy.textproto:1:"));
  pair.daemon.SetPolicy(all);
  ExpectShake(pair.bob, pair.alice);
}

}  // namespace
}  // namespace ddskey
