// The daemon makes no system call that its unit forbids (M-73): one that it did not make before is found here and not
// on a robot. Every backend, the service manager and the journal are used, devices go away and come back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/softhsm.h"
#include "test/support/softhsm_backend.h"
#include "test/support/swtpm.h"
#include "test/support/tabrmd.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey {
namespace {

using ::ddskey::test::Process;
using ::ddskey::test::TempDir;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestParticipant;
using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;

using Names = std::set<std::string>;

constexpr char kUnit[] = "systemd/ddskeyd.service";

// Refused are calls that libraries make, and do as well without: SQLite gives its files to the owner of the keystore
// when it is root, as the daemon of the unit is not; GLib gives its threads the scheduling of those that begin them, or
// has a thread more that begins them.
const Names& Refused() {
  static const Names refused = {"fchown", "sched_setattr"};
  return refused;
}

// Words are the words of `text`.
std::vector<std::string> Words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), std::istream_iterator<std::string>()};
}

// Listed are the calls that the unit names; it names no groups.
Names Listed() {
  std::ifstream unit(kUnit);
  Names names;
  for (std::string line; std::getline(unit, line);) {
    constexpr std::string_view kSetting = "SystemCallFilter=";
    if (!line.starts_with(kSetting)) continue;
    for (std::string& name : Words(line.substr(kSetting.size()))) names.insert(std::move(name));
  }
  return names;
}

// Implied are the calls that systemd adds to every list.
Names Implied() {
  std::string output;
  EXPECT_EQ(test::Run({"systemd-analyze", "syscall-filter", "@default"}, &output), 0);
  std::vector<std::string> words = Words(output.substr(output.find('\n')));
  return {words.begin(), words.end()};
}

// Tracer has every daemon that this program starts from now on run under strace: it goes to a folder like the one it
// is in, in which daemon/ddskeyd is a script.
class Tracer {
 public:
  Tracer() {
    namespace fs = std::filesystem;
    const fs::path runfiles = fs::current_path();
    const fs::path daemon = fs::canonical(runfiles / "daemon/ddskeyd");
    for (const auto& entry : fs::directory_iterator(runfiles)) {
      if (entry.path().filename() != "daemon")
        fs::create_symlink(entry.path(), folder_.path() / entry.path().filename());
    }
    fs::create_directory(folder_.path() / "daemon");
    for (const auto& entry : fs::directory_iterator(runfiles / "daemon")) {
      if (entry.path().filename() == "ddskeyd") continue;
      fs::create_symlink(entry.path(), folder_.path() / "daemon" / entry.path().filename());
    }
    // With -D the daemon keeps the process that the test has started, and strace is a child of it.
    folder_.Write("daemon/ddskeyd", absl::StrCat("#!/bin/sh\nexec strace -D -f -c -o ", traces_.path().string(), "/$$ ",
                                                 daemon.string(), " \"$@\"\n"));
    chmod(folder_.File("daemon/ddskeyd").c_str(), 0755);
    fs::current_path(folder_.path());
    previous_ = runfiles;
  }
  ~Tracer() { std::filesystem::current_path(previous_); }

  // Made are the calls of the daemons, of which there were `count` and all have ended, and how often each was made.
  std::map<std::string, uint64_t> Made(size_t count) const {
    std::map<std::string, uint64_t> made;
    // strace writes its table when it has seen the end of the daemon.
    EXPECT_TRUE(test::WaitFor([&] {
      made.clear();
      size_t complete = 0;
      for (const auto& entry : std::filesystem::directory_iterator(traces_.path())) {
        complete += Add(entry.path(), made) ? 1 : 0;
      }
      return complete == count;
    }));
    return made;
  }

 private:
  // Add reads lines of "% seconds usecs/call calls [errors] name"; whether the last one is there.
  static bool Add(const std::filesystem::path& trace, std::map<std::string, uint64_t>& made) {
    std::ifstream file(trace);
    for (std::string line; std::getline(file, line);) {
      const std::vector<std::string> words = Words(line);
      if (words.size() < 5 || words[0].find_first_not_of("0123456789.") != std::string::npos) continue;
      if (words.back() == "total") return true;
      made[words.back()] += std::strtoull(words[3].c_str(), nullptr, 10);
    }
    return false;
  }

  TempDir folder_;
  TempDir traces_;
  std::filesystem::path previous_;
};

class SystemCallsTest : public ::testing::Test {
 protected:
  SystemCallsTest() {
    setenv("CREDENTIALS_DIRECTORY", credentials_.path().c_str(), 1);
    chmod(credentials_.Write("ddskeyd_pkcs11-pin", "1234\n").c_str(), 0400);
    hsm_.AddToken("robot", "1234");
    std::filesystem::permissions(run_.path(), std::filesystem::perms(0755));
    StartHelper();
  }
  ~SystemCallsTest() override {
    for (const char* variable : {"CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC"}) unsetenv(variable);
  }

  // StartHelper has a PKCS#11 module begin with the next connection.
  void StartHelper() {
    std::filesystem::remove(run_.File("hsm.sock"));
    Process::Options options;
    options.output = run_.File("helper");
    helper_ = Process::Start({"systemd-socket-activate", "--listen=" + run_.File("hsm.sock"),
                              "--setenv=" + hsm_.environment(), test::HelperProgram(), "--module", test::kSoftHsmModule,
                              "--label", "robot", "--peer-user", std::to_string(geteuid())},
                             options);
    ASSERT_TRUE(test::WaitFor([this] { return std::filesystem::exists(run_.File("hsm.sock")); }));
  }

  TestDaemon::Options Configuration() const {
    TestDaemon::Options options;
    options.backends =
        absl::StrCat(R"(backend { name: "software" software {} } backend { name: "tpm" tpm2 { tcti: ")", tpm_.tcti(),
                     R"(" } } backend { name: "broker" tpm2 { tcti: ")", broker_.tcti(),
                     R"(" } } backend { name: "hsm" pkcs11 { helper_socket: ")", run_.File("hsm.sock"), R"(" } })");
    options.more = absl::StrCat("revocation_list_file { path: \"", run_.File("list.crl"), "\" }");
    return options;
  }

  bool Healthy(TestDaemon& daemon) {
    return test::WaitFor([&] {
      const v1::GetStatusResponse status = daemon.Status();
      return std::all_of(status.backends().begin(), status.backends().end(),
                         [](const v1::BackendStatus& backend) { return backend.healthy(); });
    });
  }

  // Meet is a handshake between two keys.
  CallStatus Meet(TestDaemon& daemon, const std::string& a, const std::string& b) {
    TestParticipant initiator(daemon.socket(), a, certificates_[a], 'a');
    TestParticipant replier(daemon.socket(), b, certificates_[b], 'b');
    if (const CallStatus status = initiator.Validate(); !status.ok()) return status;
    if (const CallStatus status = replier.Validate(); !status.ok()) return status;
    return Shake(initiator, replier);
  }

  // Live is a life with keys of all backends, and with all of them away for a while.
  void Live() {
    TestDaemon daemon(Configuration());
    ASSERT_TRUE(Healthy(daemon));
    for (const char* name : {"software", "tpm", "broker", "hsm"}) {
      certificates_[name] = daemon.Enroll(name, ca_, test::Named(name), "ec-p256", name);
    }
    EXPECT_TRUE(Meet(daemon, "software", "tpm").ok());
    EXPECT_TRUE(Meet(daemon, "broker", "hsm").ok());
    Administer(daemon);
    tpm_.Kill();
    broker_.Kill();
    helper_->Kill();
    EXPECT_TRUE(test::WaitFor([&] { return !daemon.Status().backends(3).healthy(); }));
    tpm_.Restart();
    broker_.Restart();
    StartHelper();
    EXPECT_TRUE(Healthy(daemon));
    EXPECT_TRUE(Meet(daemon, "hsm", "tpm").ok());
    EXPECT_EQ(daemon.Stop(), 0);
  }

  void Administer(TestDaemon& daemon) const {
    EXPECT_TRUE(daemon.admin().CheckStore({}).ok());
    v1::CheckIdentityRequest check;
    check.set_name("hsm");
    EXPECT_TRUE(daemon.admin().CheckIdentity(check).ok());
    EXPECT_TRUE(daemon.admin().GetBackup({}).ok());
    run_.Write("list.crl.new", ca_.Crl({}));
    std::filesystem::rename(run_.File("list.crl.new"), run_.File("list.crl"));
    EXPECT_TRUE(test::WaitFor([&] { return daemon.Status().revocation_list_files(0).lists_size() == 1; }));
    // Names of users and groups are looked up where this machine has them, in the end in systemd.
    daemon.SetPolicy(R"(rule { name: "all" effect: ALLOW caller { user: "root" } key: "*" operation: STATUS }
rule { name: "none" effect: ALLOW caller { user: "ddskey-nobody" } key: "*" operation: STATUS })");
    daemon.SetPolicy(R"(rule { name: "all" effect: ALLOW caller { user: "root" } key: "*"
                             operation: [HANDSHAKE, STATUS, KEY_LIST, KEY_CREATE, KEY_DELETE, STORE_CHECK] })");
  }

  // LiveAsAService is a life as systemd begins and ends it.
  void LiveAsAService() {
    const int notifications = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    run_.File("notify").copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(notifications, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    run_.Write("service.textproto", absl::StrCat("state_directory: \"", run_.File("state"), "\" runtime_directory: \"",
                                                 run_.path().string(), "\" policy_file: \"", run_.File("none"),
                                                 "\" log { target: \"journal\" level: \"debug\" }"));
    chmod(run_.File("service.textproto").c_str(), 0600);
    Process::Options options;
    options.output = run_.File("output");
    const auto daemon =
        Process::Start({"systemd-socket-activate", "--listen=" + run_.File("a"), "--listen=" + run_.File("b"),
                        "--fdname=ddskeyd:ddskeyd-admin", "--setenv=NOTIFY_SOCKET=" + run_.File("notify"),
                        "--setenv=WATCHDOG_USEC=200000", "daemon/ddskeyd", "--config", run_.File("service.textproto")},
                       options);
    ASSERT_TRUE(test::WaitFor([this] { return std::filesystem::exists(run_.File("b")); }));
    SocketAdminClient client(run_.File("b"));
    EXPECT_TRUE(test::WaitFor([&] { return client.GetStatus({}).ok(); })) << daemon->Output();
    EXPECT_TRUE(client.CreateKey(NewKey()).ok());
    std::string told;
    const auto is_told = [&](const std::string& wanted) {
      char text[256];
      for (ssize_t size = 0; (size = recv(notifications, text, sizeof(text), MSG_DONTWAIT)) > 0;) {
        absl::StrAppend(&told, std::string(text, static_cast<size_t>(size)), "\n");
      }
      return told.find(wanted) != std::string::npos;
    };
    EXPECT_TRUE(test::WaitFor([&] { return is_told("WATCHDOG=1"); })) << told;
    daemon->Signal(SIGHUP);
    EXPECT_TRUE(test::WaitFor([&] { return is_told("RELOADING=1"); })) << told;
    daemon->Signal(SIGTERM);
    EXPECT_TRUE(test::WaitFor([&] { return is_told("STOPPING=1") && !daemon->Running(); })) << told;
    EXPECT_EQ(daemon->Wait(), 0) << daemon->Output();
    close(notifications);
  }

  static v1::CreateKeyRequest NewKey() {
    v1::CreateKeyRequest request;
    request.set_name("key");
    request.set_algorithm("rsa-2048");
    return request;
  }

  const TempDir credentials_;
  const TempDir run_;
  const test::TestCa ca_ = test::TestCa::Root("identity CA");
  const test::SoftHsm hsm_;
  test::Swtpm tpm_;
  test::Tabrmd broker_;
  std::unique_ptr<Process> helper_;
  std::map<std::string, std::string> certificates_;
};

TEST_F(SystemCallsTest, TheDaemonMakesNoneThatItsUnitForbids) {
  Names allowed = Listed();
  EXPECT_THAT(allowed, Not(Contains(::testing::AnyOfArray(Refused()))));
  allowed.merge(Implied());
  allowed.insert(Refused().begin(), Refused().end());
  std::map<std::string, uint64_t> made;
  {
    const Tracer tracer;
    Live();
    LiveAsAService();
    if (HasFatalFailure()) return;
    made = tracer.Made(2);
  }
  ASSERT_THAT(made, Contains(::testing::Key("recvmsg"))) << "nothing was recorded";
  for (const auto& [name, count] : made) {
    EXPECT_THAT(allowed, Contains(name)) << "made " << count << " times: add it to " << kUnit
                                         << ", saying who calls it";
  }
}

// Programs are built for amd64 here, and the same unit is installed on arm64, which has none of the older calls.
TEST(SystemCallListTest, HasBesideEachOldCallTheOneThatArm64Has) {
  const std::map<std::string, std::string> newer = {{"access", "faccessat"},
                                                    {"chmod", "fchmodat"},
                                                    {"dup2", "dup3"},
                                                    {"epoll_create", "epoll_create1"},
                                                    {"epoll_wait", "epoll_pwait"},
                                                    {"eventfd", "eventfd2"},
                                                    {"fork", "clone"},
                                                    {"getdents", "getdents64"},
                                                    {"inotify_init", "inotify_init1"},
                                                    {"lstat", "newfstatat"},
                                                    {"mkdir", "mkdirat"},
                                                    {"open", "openat"},
                                                    {"pipe", "pipe2"},
                                                    {"poll", "ppoll"},
                                                    {"readlink", "readlinkat"},
                                                    {"rename", "renameat"},
                                                    {"rmdir", "unlinkat"},
                                                    {"select", "pselect6"},
                                                    {"stat", "newfstatat"},
                                                    {"symlink", "symlinkat"},
                                                    {"unlink", "unlinkat"},
                                                    {"utimes", "utimensat"},
                                                    {"vfork", "clone"}};
  const Names listed = Listed();
  for (const auto& [old_call, new_call] : newer) {
    if (!listed.contains(old_call)) continue;
    EXPECT_THAT(listed, Contains(new_call)) << "for " << old_call;
  }
  // Files are looked at, and threads are begun, in more ways than one: by the kernel's age and the C library's.
  for (const char* name : {"clone", "clone3", "newfstatat", "fstat", "statx", "faccessat", "faccessat2"}) {
    EXPECT_THAT(listed, Contains(name));
  }
}

TEST(SystemCallListTest, HasNothingThatReachesOtherProcessesNameSpacesOrTheKernel) {
  const Names listed = Listed();
  for (const char* name : {"ptrace",
                           "process_vm_readv",
                           "process_vm_writev",
                           "pidfd_getfd",
                           "kcmp",
                           "execveat",
                           "fork",
                           "vfork",
                           "setns",
                           "unshare",
                           "mount",
                           "umount2",
                           "pivot_root",
                           "chroot",
                           "bpf",
                           "perf_event_open",
                           "userfaultfd",
                           "io_uring_setup",
                           "keyctl",
                           "add_key",
                           "request_key",
                           "personality",
                           "setuid",
                           "setresuid",
                           "setgroups",
                           "capset",
                           "chown",
                           "mknod",
                           "mknodat",
                           "open_by_handle_at",
                           "setrlimit",
                           "sched_setscheduler",
                           "shmget",
                           "reboot",
                           "init_module",
                           "finit_module",
                           "clock_settime",
                           "quotactl",
                           "swapon",
                           "ioperm",
                           "iopl"}) {
    EXPECT_THAT(listed, Not(Contains(name)));
  }
  for (const std::string& name : listed) EXPECT_NE(name[0], '@') << "groups grow with systemd's releases";
}

}  // namespace
}  // namespace ddskey
