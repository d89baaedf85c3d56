// `ddskeyctl doctor` against the real daemon: nothing wrong at first, then one thing after the other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/doctor/system_host.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/test_daemon.h"

namespace ddskey {
namespace {

using ::ddskey::test::Named;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::WaitFor;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kAdministration[] = R"(
rule {
  name: "administration" effect: ALLOW caller { uid: 0 } key: "*"
  operation: [KEY_CREATE, KEY_LIST, CSR_CREATE, CERTIFICATE_INSTALL, STATUS, TRUST_CHANGE, STORE_CHECK]
}
)";
// Of the users of every Debian; applications have others.
constexpr char kTalker[] = R"(
rule { name: "talker" effect: ALLOW caller { user: "daemon" } key: "talker" operation: HANDSHAKE }
)";

// DoctorTest is a daemon with an identity that the user `daemon` may use.
class DoctorTest : public ::testing::Test {
 protected:
  DoctorTest() : ca_(TestCa::Root("identity CA")), daemon_({.backends = "", .policy = Policy(), .more = ""}) {
    daemon_.Enroll("talker", ca_, Named("talker"));
  }

  static std::string Policy() { return absl::StrCat(kAdministration, kTalker); }

  // Doctor runs it and returns its exit status.
  int Doctor(const std::vector<std::string>& more = {}) {
    std::vector<std::string> command = {"client/cli/ddskeyctl",
                                        "--socket",
                                        daemon_.admin_socket(),
                                        "doctor",
                                        "--config",
                                        daemon_.dir().File("config.textproto")};
    command.insert(command.end(), more.begin(), more.end());
    output_.clear();
    return test::Run(command, &output_);
  }

  std::string File(const std::string& name) const { return daemon_.dir().File(name); }

  // StartAsIfLater starts the daemon again, as if its clock had been an hour ahead.
  void StartAsIfLater() {
    ASSERT_EQ(daemon_.Stop(), 0);
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open_v2(File("state/keystore.db").c_str(), &connection, SQLITE_OPEN_READWRITE, nullptr),
              SQLITE_OK);
    const std::string statement = absl::StrCat("INSERT OR REPLACE INTO clock (id, last_good) VALUES (1, ",
                                               absl::ToUnixMicros(absl::Now() + absl::Hours(1)), ")");
    EXPECT_EQ(sqlite3_exec(connection, statement.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(connection);
    daemon_.Start();
  }

  const TestCa ca_;
  TestDaemon daemon_;
  std::string output_;
};

TEST_F(DoctorTest, FindsNoProblemAndTriesAHandshakeAsTheUserOfThePolicy) {
  EXPECT_EQ(Doctor(), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("a handshake of talker with itself, as daemon, succeeds: validate initiator "));
  EXPECT_THAT(output_, HasSubstr("the key talker, generation 1 works and fits its certificate"));
  EXPECT_THAT(output_, HasSubstr("\n0 problems, "));
  EXPECT_EQ(Doctor({"--json"}), 0);
  EXPECT_THAT(output_, AllOf(HasSubstr("\"check\": \"handshake\""), HasSubstr("\"problems\": 0")));
  // Root has no rule: what the daemon refuses is shown with what would grant it.
  EXPECT_EQ(Doctor({"--as", "root"}), 1);
  EXPECT_THAT(output_,
              ContainsRegex("PROBLEM  a handshake of talker with itself, as root, fails at validate initiator"));
  EXPECT_THAT(output_, HasSubstr("caller { user: \"root\" } key: \"talker\" operation: HANDSHAKE }"));
}

TEST(DoctorHostTest, LoadsThePluginAsAnApplicationWould) {
  const std::string plugin = std::filesystem::absolute("plugin_shim/cyclonedds/libddskey_cyclonedds.so");
  const absl::Status loaded = doctor::SystemHost().Load(plugin, {"init_authentication", "finalize_authentication"});
  EXPECT_TRUE(loaded.ok()) << loaded;
}

TEST_F(DoctorTest, FindsWhatIsBrokenOneAfterTheOther) {
  chmod(File("policy.textproto").c_str(), 0666);
  EXPECT_EQ(Doctor(), 1);
  EXPECT_THAT(output_, AllOf(HasSubstr("[policy.mode]"), HasSubstr("fix: chmod go-w " + File("policy.textproto"))));
  chmod(File("policy.textproto").c_str(), 0644);

  chmod(daemon_.admin_socket().c_str(), 0666);
  chmod(File("state").c_str(), 0755);
  EXPECT_EQ(Doctor(), 1);
  EXPECT_THAT(output_, AllOf(HasSubstr("fix: chmod 0600 " + daemon_.admin_socket()),
                             HasSubstr("fix: chmod go-rwx " + File("state"))));
  chmod(daemon_.admin_socket().c_str(), 0600);
  chmod(File("state").c_str(), 0700);

  daemon_.SetPolicy(absl::StrCat(
      Policy(), R"(rule { name: "gone" effect: ALLOW caller { user: "ghost" } key: "talker" operation: HANDSHAKE })"));
  EXPECT_EQ(Doctor(), 1);
  EXPECT_THAT(output_, AllOf(HasSubstr("[policy.user]"), HasSubstr("fix: adduser --system --group ghost"),
                             HasSubstr("[policy.reload]")));
  daemon_.SetPolicy(Policy());

  test::CertificateOptions brief = Named("brief");
  brief.not_after = absl::Now() + absl::Seconds(2);
  daemon_.Enroll("brief", ca_, brief);
  ASSERT_TRUE(WaitFor([&] { return absl::Now() > brief.not_after; }));
  EXPECT_EQ(Doctor(), 1);
  EXPECT_THAT(output_, AllOf(ContainsRegex("PROBLEM  the certificate of .*brief.* has expired"),
                             HasSubstr("fix: ddskeyctl identity renew brief --out brief.csr"),
                             HasSubstr("no rule lets anybody use the key brief")));
  EXPECT_EQ(Doctor({"--identity", "talker"}), 1) << "dates are looked at all the same";
  EXPECT_THAT(output_, Not(HasSubstr("generation 1: ")));

  StartAsIfLater();
  EXPECT_EQ(Doctor(), 1);
  EXPECT_THAT(output_, AllOf(HasSubstr("[clock.set]"), HasSubstr("fix: timedatectl set-ntp true"),
                             HasSubstr("fails at validate initiator: [clock_not_set]")));

  daemon_.Kill();
  EXPECT_EQ(Doctor(), 1);
  EXPECT_THAT(output_, AllOf(HasSubstr("[socket.answers]"), HasSubstr("[daemon.answers]"),
                             HasSubstr("fix: systemctl restart ddskeyd.socket")));
}

}  // namespace
}  // namespace ddskey
