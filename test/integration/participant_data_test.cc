// Signatures of participant data through the real daemon: what is signed, and who may have it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

#include "daemon/trust/certificate.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/swtpm.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey::test {
namespace {

using test::Named;

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kGrant[] = R"(
rule { name: "root" effect: ALLOW caller { uid: 0 } key: "*"
       operation: [HANDSHAKE, SIGN_PARTICIPANT_DATA, KEY_CREATE, KEY_LIST, CERTIFICATE_INSTALL, STATUS] }
)";

// Setting is a daemon with two enrolled identities and a participant for each.
struct Setting {
  explicit Setting(TestDaemon::Options options, const std::string& algorithm = "ec-p256")
      : daemon(std::move(options)),
        certificate(daemon.Enroll("alice", ca, Named("alice"), algorithm)),
        alice(daemon.socket(), "alice", certificate, 'a'),
        bob(daemon.socket(), "bob", daemon.Enroll("bob", ca, Named("bob"), algorithm), 'b') {
    EXPECT_TRUE(alice.Validate().ok());
    EXPECT_TRUE(bob.Validate().ok());
  }

  v1::SignParticipantDataRequest Request(uint64_t revision = 1) {
    v1::SignParticipantDataRequest request;
    request.set_identity_ticket(alice.identity_ticket());
    request.set_participant_data(alice.participant_data());
    request.set_revision(revision);
    request.set_wait_ms(1000);
    return request;
  }
  CallResult<v1::SignParticipantDataResponse> Sign(const v1::SignParticipantDataRequest& request) {
    const auto deadline = CallClock::now() + std::chrono::seconds(20);
    auto result = alice.client().SignParticipantData(request, deadline);
    while (result.status.ok() && result.value.signature().empty() && CallClock::now() < deadline) {
      result = alice.client().SignParticipantData(request, deadline);
    }
    return result;
  }

  TestCa ca = TestCa::Root("identity CA");
  TestDaemon daemon;
  std::string certificate;
  TestParticipant alice;
  TestParticipant bob;
};

TestDaemon::Options WithGrant(TestDaemon::Options options = {}) {
  options.policy = kGrant;
  return options;
}

// The form in authentication.proto, written down once more.
std::string Octets(const TestParticipant& participant, char revision) {
  return std::string("ddskey/participant-data/1\0", 26) + participant.guid() + std::string("\0\0\0", 3) +
         static_cast<char>(TestParticipant::kDomain) + std::string(7, '\0') + revision + participant.participant_data();
}

TEST(ParticipantDataTest, IsSignedInItsDocumentedFormByEveryKindOfKey) {
  Swtpm tpm;
  for (const bool has_tpm : {false, true}) {
    for (const char* algorithm : {"ec-p256", "rsa-2048"}) {
      Setting setting(WithGrant(has_tpm ? TestDaemon::WithTpm(tpm.tcti()) : TestDaemon::Options()), algorithm);
      const auto result = setting.Sign(setting.Request(5));
      ASSERT_TRUE(result.status.ok()) << result.status.message;
      const auto certificates = Certificate::ParsePem(setting.certificate);
      ASSERT_TRUE(certificates.ok());
      EXPECT_TRUE(certificates->front().VerifySignature(Octets(setting.alice, 5), result.value.signature()).ok());
      EXPECT_FALSE(certificates->front().VerifySignature(Octets(setting.alice, 6), result.value.signature()).ok());
    }
  }
}

TEST(ParticipantDataTest, S1IsRefusedByNameUnlessItIsGranted) {
  Setting setting(TestDaemon::Options{});
  const auto refused = setting.Sign(setting.Request());
  EXPECT_EQ(refused.status.code, CallCode::kPermissionDenied);
  EXPECT_THAT(refused.status.message, HasSubstr("SIGN_PARTICIPANT_DATA"));
  EXPECT_TRUE(test::WaitFor([&] { return setting.daemon.Log().find("SignParticipantData") != std::string::npos; }));
}

TEST(ParticipantDataTest, S1IsNoSignatureOfAHandshake) {
  Setting setting(WithGrant());
  const auto update = setting.Sign(setting.Request());
  ASSERT_TRUE(update.status.ok()) << update.status.message;
  const auto request = setting.alice.Request(setting.bob);
  const auto reply = setting.bob.Finish(setting.bob.Reply(setting.alice, request.value.message()));
  auto last = setting.alice.Finish(setting.alice.Process(request.value.handshake_ticket(), reply.value.message()));
  ASSERT_TRUE(last.status.ok()) << last.status.message;
  for (v1::BinaryProperty& property : *last.value.mutable_message()->mutable_binary_properties()) {
    if (property.name() == "signature") property.set_value(update.value.signature());
  }
  const auto done = setting.bob.Process(reply.value.handshake_ticket(), last.value.message());
  EXPECT_EQ(done.status.code, CallCode::kInvalidArgument);
  EXPECT_THAT(done.status.message, StartsWith("[signature]"));
}

TEST(ParticipantDataTest, RefusesWhatIsMalformedOrTooLarge) {
  Setting setting(WithGrant());
  const auto refused = [&](const v1::SignParticipantDataRequest& request, const std::string& why) {
    const auto result = setting.Sign(request);
    EXPECT_EQ(result.status.code, CallCode::kInvalidArgument) << why;
    EXPECT_THAT(result.status.message, HasSubstr(why));
  };
  auto request = setting.Request();
  request.set_participant_data("");
  refused(request, "participant_data has 0 octets");
  request.set_participant_data(setting.alice.participant_data() + std::string(64 << 10, 'x'));
  refused(request, "participant_data has");
  request.set_participant_data("junk");
  refused(request, "truncated");
  request.set_participant_data(setting.bob.participant_data());
  refused(request, "another GUID");
  refused(setting.Request(0), "revision");
  request = setting.Request();
  request.set_identity_ticket(setting.bob.identity_ticket() + "x");
  EXPECT_EQ(setting.Sign(request).status.code, CallCode::kFailedPrecondition);
}

TEST(ParticipantDataTest, S17CountsAsAHandshakeBegun) {
  TestDaemon::Options options = WithGrant();
  options.more = "limits { handshakes_per_second: 1 handshake_burst: 2 }";
  Setting setting(options);
  CallResult<v1::SignParticipantDataResponse> last;
  for (int i = 0; i < 10 && last.status.ok(); ++i) {
    last = setting.alice.client().SignParticipantData(setting.Request(), CallClock::now() + std::chrono::seconds(20));
  }
  EXPECT_EQ(last.status.code, CallCode::kResourceExhausted) << last.status.message;
}

}  // namespace
}  // namespace ddskey::test
