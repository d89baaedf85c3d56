// What the daemon says that it did: `ddskeyctl status`, the same while somebody watches, and as metrics; the commands
// of docs/monitoring.md.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey {
namespace {

using ::ddskey::test::Named;
using ::ddskey::test::Process;
using ::ddskey::test::TempDir;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestParticipant;
using ::ddskey::test::WaitFor;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPolicy[] = R"(
rule { name: "administration" effect: ALLOW caller { uid: 0 } key: "*"
       operation: [KEY_CREATE, KEY_LIST, CSR_CREATE, CERTIFICATE_INSTALL, STATUS] }
rule { name: "talkers" effect: ALLOW caller { uid: 0 } key: "talker*" operation: HANDSHAKE }
)";
// Of a loopback of its own.
constexpr char kAddress[] = "127.0.0.1:19100";

// TerminalProgram is ddskeyctl on a terminal.
class TerminalProgram {
 public:
  explicit TerminalProgram(const std::vector<std::string>& words) {
    winsize size = {.ws_row = 40, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_ = forkpty(&terminal_, nullptr, nullptr, &size);
    if (pid_ == 0) {
      setenv("TERM", "xterm", 1);
      unsetenv("NO_COLOR");
      execv(arguments[0], arguments.data());
      _exit(127);
    }
    fcntl(terminal_, F_SETFL, O_NONBLOCK);
  }
  ~TerminalProgram() {
    if (!status_.has_value()) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(terminal_);
  }

  // Shows waits until `text` was shown since the last call that found what it waited for.
  bool Shows(const std::string& text) {
    return WaitFor([&] {
      Read();
      const size_t found = shown_.find(text);
      if (found != std::string::npos) shown_.erase(0, found + text.size());
      return found != std::string::npos;
    });
  }
  void Type(const std::string& keys) const {
    EXPECT_EQ(write(terminal_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  // Ends waits for its end, and says how it ended.
  std::optional<int> Ends() {
    WaitFor([&] {
      Read();
      int status = 0;
      if (waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
      return status_.has_value();
    });
    return status_;
  }
  const std::string& shown() const { return shown_; }

 private:
  void Read() {
    char octets[4096];
    for (ssize_t n = 0; (n = read(terminal_, octets, sizeof octets)) > 0;)
      shown_.append(octets, static_cast<size_t>(n));
  }

  int terminal_ = -1;
  pid_t pid_ = -1;
  std::string shown_;
  std::optional<int> status_;
};

class StatusTest : public ::testing::Test {
 protected:
  int Ctl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"client/cli/ddskeyctl", "--socket", daemon_.admin_socket()});
    return test::Run(arguments, &output_);
  }

  // CountOf is how often an operation ended with a code.
  static uint64_t CountOf(const v1::GetStatusResponse& status, const std::string& operation, const std::string& code) {
    const auto found = std::ranges::find_if(status.operations(), [&](const v1::OperationCount& count) {
      return count.operation() == operation && count.code() == code;
    });
    return found == status.operations().end() ? 0 : found->count();
  }

  TestCa ca_ = TestCa::Root("identity CA");
  TestDaemon daemon_{{.backends = "", .policy = kPolicy, .more = ""}};
  const std::string certificate_ = daemon_.Enroll("talker", ca_, Named("talker"));
  std::string output_;
};

TEST_F(StatusTest, TellsWhatWasRefusedAndCountsWhatWasDone) {
  daemon_.Enroll("brake", ca_, Named("brake"));
  TestParticipant talker(daemon_.socket(), "talker", certificate_, 't');
  TestParticipant second(daemon_.socket(), "talker", certificate_, 's');
  ASSERT_EQ(talker.Validate().code, CallCode::kOk);
  ASSERT_EQ(second.Validate().code, CallCode::kOk);
  ASSERT_EQ(test::Shake(talker, second).code, CallCode::kOk);
  TestParticipant stranger(daemon_.socket(), "brake", certificate_, 'b');
  for (int i = 0; i < 3; ++i) EXPECT_EQ(stranger.Validate().code, CallCode::kPermissionDenied);

  const v1::GetStatusResponse status = daemon_.Status();
  ASSERT_EQ(status.refusals_size(), 1);
  const v1::Refusal& refusal = status.refusals(0);
  EXPECT_EQ(refusal.operation(), "ValidateLocalIdentity");
  EXPECT_EQ(refusal.code(), "PERMISSION_DENIED");
  EXPECT_EQ(refusal.key_name(), "brake");
  EXPECT_EQ(refusal.count(), 3u);
  EXPECT_EQ(refusal.uid(), getuid());
  EXPECT_EQ(refusal.pid(), getpid());
  EXPECT_THAT(refusal.reason(), Not(::testing::IsEmpty()));
  EXPECT_EQ(CountOf(status, "ValidateLocalIdentity", "OK"), 2u);
  EXPECT_EQ(CountOf(status, "ValidateLocalIdentity", "PERMISSION_DENIED"), 3u);
  EXPECT_EQ(status.handshakes_allowed(), 2u) << "both sides";
  EXPECT_EQ(status.participants(), 2u);
  EXPECT_EQ(status.participant_processes(), 1u);
  EXPECT_EQ(status.application_server().connections(), 3u);
  EXPECT_EQ(status.administration_server().connections(), 1u);
  EXPECT_GT(status.uptime_seconds(), 0);
  ASSERT_EQ(status.backends_size(), 1);
  const v1::BackendStatus& backend = status.backends(0);
  EXPECT_GE(backend.signing().count(), backend.signatures());
  EXPECT_GT(backend.signing().sum(), 0);
  EXPECT_GT(backend.busy_seconds(), backend.signing().sum()) << "keys were made, too";
  EXPECT_EQ(backend.rejected() + backend.expired(), 0u);

  EXPECT_EQ(Ctl({"status", "--json"}), 0);
  EXPECT_THAT(output_, HasSubstr("\"key_name\": \"brake\""));
  EXPECT_EQ(Ctl({"status"}), 0);
  EXPECT_THAT(output_, AllOf(HasSubstr(": all is well\n"), HasSubstr("ValidateLocalIdentity with the key brake\n"),
                             HasSubstr("(3 times)"), Not(HasSubstr("\x1b"))));
}

TEST_F(StatusTest, IsWatchedAcrossARestartOfTheDaemon) {
  TerminalProgram program({"client/cli/ddskeyctl", "--socket", daemon_.admin_socket(), "status", "--watch", "0.1"});
  EXPECT_TRUE(program.Shows("\x1b[32mall is well\x1b[0m")) << program.shown();
  daemon_.Kill();
  EXPECT_TRUE(program.Shows("ddskeyd is away")) << program.shown();
  EXPECT_TRUE(program.Shows("talker")) << "what it said last";
  daemon_.Start();
  EXPECT_TRUE(program.Shows("all is well\x1b[0m\x1b[K\r\n\x1b[1mBackend")) << program.shown();
  program.Type("\x03");
  const auto status = program.Ends();
  ASSERT_TRUE(status.has_value());
  // Ctrl-C may come while it asks.
  EXPECT_TRUE(*status == 0 || (WIFSIGNALED(*status) && WTERMSIG(*status) == SIGINT)) << *status;
}

TEST_F(StatusTest, IsOpenMetrics) {
  TestParticipant stranger(daemon_.socket(), "brake", certificate_, 'b');
  EXPECT_EQ(stranger.Validate().code, CallCode::kPermissionDenied);
  const TempDir folder;
  const std::string file = folder.File("metrics");
  ASSERT_EQ(Ctl({"metrics", "--out", file}), 0) << output_;
  const std::string metrics = test::ReadFile(file);
  EXPECT_THAT(metrics, AllOf(HasSubstr("\nddskey_refusals_total{reason=\"permission_denied\"} 1\n"),
                             HasSubstr("{key=\"talker\",kind=\"certificate\"}"),
                             HasSubstr("\nddskey_backend_healthy{backend=\"software\",kind=\"software\"} 1\n")));
  EXPECT_EQ(test::Run({"sh", "-c", "python3 test/support/check_openmetrics.py < " + file}, &output_), 0) << output_;
  daemon_.Kill();
  EXPECT_EQ(Ctl({"metrics", "--out", file}), 3);
  EXPECT_EQ(test::Run({"sh", "-c", "python3 test/support/check_openmetrics.py < " + file}, &output_), 0) << output_;
  EXPECT_THAT(test::ReadFile(file), HasSubstr("\nddskey_up 0\n"));
}

TEST_F(StatusTest, IsReadByNodeExporter) {
  constexpr char kExporter[] = "/usr/bin/prometheus-node-exporter";
  if (access(kExporter, X_OK) != 0) GTEST_SKIP() << "prometheus-node-exporter is not installed";
  const TempDir folder;
  ASSERT_EQ(Ctl({"metrics", "--format", "prometheus", "--out", folder.File("ddskeyd.prom")}), 0) << output_;
  const auto exporter = Process::Start(
      {kExporter, "--collector.disable-defaults", "--collector.textfile",
       "--collector.textfile.directory=" + folder.path().string(), std::string("--web.listen-address=") + kAddress},
      {});
  const std::string get =
      std::string("import urllib.request as r; print(r.urlopen('http://") + kAddress + "/metrics').read().decode())";
  ASSERT_TRUE(WaitFor([&] { return test::Run({"python3", "-c", get}, &output_) == 0; })) << output_;
  EXPECT_THAT(output_, AllOf(HasSubstr("\nddskey_up 1\n"), HasSubstr("\nnode_textfile_scrape_error 0\n"),
                             HasSubstr("# TYPE ddskey_signatures_total counter\n"),
                             HasSubstr("# TYPE ddskey_backend_signing_seconds histogram\n"),
                             HasSubstr("ddskey_build_info{version=")));
}

}  // namespace
}  // namespace ddskey
