#include "client/cli/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "client/cli/fake_admin_client.h"
#include "client/doctor/fake_host.h"
#include "client/doctor/shim_check.h"
#include "proto/contract/version.h"
#include "test/support/status_matchers.h"

namespace ddskey::cli {
namespace {

using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPolicy[] = "/etc/ddskeyd/policy.textproto";
constexpr char kPem[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

// DoctorTest is a machine on which all is well, with one key, which the user `talker` may use.
class DoctorTest : public ::testing::Test {
 protected:
  DoctorTest() {
    using doctor::FileKind;
    script_.daemon.set_version(std::string(kVersion));
    script_.daemon.mutable_clock()->set_set(true);
    v1::Key& key = script_.keys.emplace_back();
    key.set_name("talker");
    key.set_state("active");
    key.set_purpose("handshake");
    key.mutable_certificate()->set_subject("CN=talker");
    script_.checks["talker"].add_checks()->set_good(true);
    script_.certificate.set_chain_pem(std::string(kPem) + kPem);
    host_.AddUser("talker", 1001);
    host_.Add("/run/ddskeyd/ddskeyd.sock", FileKind::kSocket, 0666);
    host_.Add("/run/ddskeyd/admin.sock", FileKind::kSocket, 0600);
    host_.Add("/var/lib/ddskeyd", FileKind::kFolder, 0700);
    host_.Add(kPolicy, FileKind::kRegular, 0644,
              R"(rule { name: "talk" effect: ALLOW caller { user: "talker" } key: "talker" operation: HANDSHAKE })");
    const std::string folder = doctor::LibraryFolder();
    host_.Add(folder + "/ddskey/libdds_security_auth.so", FileKind::kRegular, 0644);
    host_.Add(folder + "/libddsc.so.0.10.2", FileKind::kRegular, 0644);
  }

  absl::Status Run(const DoctorOptions& options = {}, bool json = false) {
    FakeAdminClient admin(&script_);
    std::istringstream in;
    std::ostringstream out, err;
    const DoctorSenses senses = {
        .host = host_,
        .check_service = [](const std::string& socket,
                            doctor::Findings& findings) { findings.Ok("socket.answers", socket); },
        .try_handshake =
            [this](const doctor::SelfTest& test) {
              tried_.push_back(test);
              return handshake_;
            }};
    const Io io = {.in = in, .out = out, .err = err, .interactive = false, .json = json, .now = absl::UnixEpoch()};
    const absl::Status status = Diagnose(admin, options, senses, io);
    out_ = out.str();
    return status;
  }

  Script script_;
  doctor::FakeHost host_;
  doctor::SelfTestResult handshake_;
  std::vector<doctor::SelfTest> tried_;
  std::string out_;
};

TEST_F(DoctorTest, FindsNoProblemWhereAllIsWell) {
  EXPECT_TRUE(Run().ok()) << out_;
  EXPECT_THAT(out_, HasSubstr("\n0 problems, 0 warnings, "));
  ASSERT_EQ(tried_.size(), 1);
  EXPECT_EQ(tried_[0].socket, "/run/ddskeyd/ddskeyd.sock");
  EXPECT_EQ(tried_[0].user->name, "talker");
  EXPECT_EQ(tried_[0].certificate, kPem) << "the leaf alone";
}

TEST_F(DoctorTest, PrintsEachProblemWithItsFixAndFails) {
  host_.files[kPolicy].facts.mode = 0666;
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kFailedPrecondition, "found 1 problem"));
  EXPECT_THAT(out_, HasSubstr("\n1 problem, 0 warnings, "));
  EXPECT_THAT(out_, HasSubstr("PROBLEM  /etc/ddskeyd/policy.textproto can be written by others than its owner (mode "
                              "0666) [policy.mode]\n         fix: chmod go-w /etc/ddskeyd/policy.textproto\n"));
}

TEST_F(DoctorTest, S14RunsNothingThatAConfigurationOfOthersNames) {
  constexpr char kConfig[] = "/etc/ddskeyd/ddskeyd.textproto";
  host_.Add(kConfig, doctor::FileKind::kRegular, 0666,
            R"(backend { name: "b" tpm2 { tcti: "device:/dev/tpmrm0" } } socket: "/tmp/other.sock")");
  host_.Add("/dev/tpmrm0", doctor::FileKind::kDevice, 0660);
  EXPECT_FALSE(Run().ok());
  EXPECT_TRUE(host_.ran.empty());
  ASSERT_EQ(tried_.size(), 1);
  EXPECT_EQ(tried_[0].socket, "/run/ddskeyd/ddskeyd.sock");
  host_.files[kConfig].facts.mode = 0644;
  Run().IgnoreError();
  EXPECT_EQ(host_.ran.back().front(), "tpm2_getcap");
  EXPECT_EQ(tried_.back().socket, "/tmp/other.sock");
}

TEST_F(DoctorTest, PrintsJsonForPrograms) {
  host_.entropy = false;
  EXPECT_FALSE(Run({}, true).ok());
  EXPECT_THAT(out_, HasSubstr("\"check\": \"entropy\""));
  EXPECT_THAT(out_, HasSubstr("\"problems\": 1"));
}

TEST_F(DoctorTest, S16EscapesWhatComesFromElsewhere) {
  script_.daemon.set_policy_error("\x1b[2J");
  EXPECT_FALSE(Run().ok());
  EXPECT_THAT(out_, Not(HasSubstr("\x1b")));
}

TEST_F(DoctorTest, ShowsARefusedHandshake) {
  handshake_.refused = "reply";
  handshake_.status = {CallCode::kUnavailable, "the device is away"};
  EXPECT_FALSE(Run().ok());
  EXPECT_THAT(out_, HasSubstr("fails at reply: the device is away"));
}

TEST_F(DoctorTest, TriesAsTheUserThatIsAskedFor) {
  EXPECT_FALSE(Run({.identity = "talker", .user = "ghost"}).ok());
  EXPECT_THAT(out_, HasSubstr("there is no user ghost"));
  host_.AddUser("robot", 1002);
  EXPECT_TRUE(Run({.identity = "talker", .user = "1002"}).ok());
  ASSERT_EQ(tried_.size(), 1);
  EXPECT_EQ(tried_[0].user->name, "robot");
}

TEST_F(DoctorTest, TriesAsOneselfWithoutRoot) {
  host_.self = 1001;
  EXPECT_TRUE(Run().ok()) << out_;
  ASSERT_EQ(tried_.size(), 1);
  EXPECT_FALSE(tried_[0].user.has_value());
}

TEST_F(DoctorTest, SaysWhyNoHandshakeIsTried) {
  host_.files[kPolicy].content =
      R"(rule { name: "g" effect: ALLOW caller { group: "talker" } key: "talker" operation: HANDSHAKE })";
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(out_, HasSubstr("fix: ddskeyctl doctor --identity talker --as USER"));
  EXPECT_TRUE(tried_.empty());
}

TEST_F(DoctorTest, ShowsThePinnedPermissions) {
  script_.trust.mutable_options()->set_permissions_sha256("00ff");
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(out_, HasSubstr("its permissions document is pinned"));
  host_.Add("/etc/ddskeyd/applications/talker/permissions.p7s", doctor::FileKind::kRegular, 0644, "signed");
  EXPECT_TRUE(Run().ok());
  ASSERT_EQ(tried_.size(), 1);
  EXPECT_EQ(tried_[0].permissions, "signed");
}

TEST_F(DoctorTest, GoesOnWithoutADaemon) {
  script_.status = absl::UnavailableError("no daemon");
  EXPECT_FALSE(Run().ok());
  EXPECT_THAT(out_, HasSubstr("fix: systemctl restart ddskeyd.socket"));
  EXPECT_THAT(out_, HasSubstr("[policy.file]"));
}

}  // namespace
}  // namespace ddskey::cli
