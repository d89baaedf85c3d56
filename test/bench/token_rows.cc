// The PKCS#11 module in applications, beside other ways to a token.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ddskey/v1/admin.pb.h"
#include "test/bench/bench_daemon.h"
#include "test/bench/clients.h"
#include "test/bench/footprint.h"
#include "test/bench/rows.h"
#include "test/bench/token_signer.h"
#include "test/support/pkcs11_token.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/softhsm.h"
#include "test/support/softhsm_backend.h"
#include "test/support/swtpm.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"

namespace ddskey::bench {
namespace {

constexpr std::chrono::milliseconds kTime(1000);
constexpr char kHost[] = "test/bench/token_host";
constexpr char kToken[] = "bench";
constexpr char kLabel[] = "key";
constexpr char kPin[] = "1234";

[[noreturn]] void Give(const std::string& what) {
  std::fprintf(stderr, "bench: %s\n", what.c_str());
  std::exit(EXIT_FAILURE);
}

// Installed is a module in the folder where Debian's packages put them on this kind of processor.
std::string Installed(const std::string& module) {
  for (const auto& folder : std::filesystem::directory_iterator("/usr/lib")) {
    const std::filesystem::path path = folder.path() / "pkcs11" / module;
    if (std::filesystem::exists(path)) return path;
  }
  Give(module + " is not installed: run ./dev setup");
}

void MustRun(const std::vector<std::string>& command, const std::map<std::string, std::string>& environment = {}) {
  std::string output;
  test::Process::Options options;
  options.environment = environment;
  if (test::Run(command, &output, options) != 0) Give(absl::StrCat(command[0], " failed: ", output));
}

// MakeKey makes a key in a token that is there.
void MakeKey(const std::string& module, const std::map<std::string, std::string>& environment) {
  MustRun({"pkcs11-tool", "--module", module, "--token-label", kToken, "--login", "--pin", kPin, "--keypairgen",
           "--key-type", "EC:prime256v1", "--label", kLabel, "--id", "01"},
          environment);
}

// DaemonWithKey is a daemon with a key for digests that our module shows.
class DaemonWithKey {
 public:
  explicit DaemonWithKey(const std::string& backends) : daemon_(UnlimitedOptions(backends)) {
    v1::CreateKeyRequest create;
    create.set_name(kLabel);
    create.set_purpose("digest");
    daemon_.Enroll(create, ca_, test::Named(kLabel));
  }

  // Use makes it the daemon of modules that are loaded from now on.
  void Use() const { setenv("DDSKEY_SOCKET", daemon_.socket().c_str(), 1); }
  static TokenKeyName key() { return {test::kPkcs11Module, "ddskey", kLabel}; }

 private:
  const test::TestCa ca_ = test::TestCa::Root("identity CA");
  test::TestDaemon daemon_;
};

// RemotedSoftHsm is SoftHSM2 behind the server of p11-kit, which gives each client a process of its own.
class RemotedSoftHsm {
 public:
  RemotedSoftHsm() {
    const std::map<std::string, std::string> environment = {{"SOFTHSM2_CONF", hsm_.config()}};
    hsm_.AddToken(kToken, kPin);
    MakeKey(test::kSoftHsmModule, environment);
    test::Process::Options options;
    options.environment = environment;
    server_ = test::Process::Start({"p11-kit", "server", "--foreground", "--name", dir_.File("sock"), "--provider",
                                    test::kSoftHsmModule, "pkcs11:"},
                                   options);
    if (!test::WaitFor([&] { return access(dir_.File("sock").c_str(), F_OK) == 0; })) Give("no p11-kit server");
  }

  void Use() const { setenv("P11_KIT_SERVER_ADDRESS", absl::StrCat("unix:path=", dir_.File("sock")).c_str(), 1); }
  static TokenKeyName key() { return {Installed("p11-kit-client.so"), kToken, kLabel, kPin}; }

 private:
  const test::SoftHsm hsm_;
  const test::TempDir dir_;
  std::unique_ptr<test::Process> server_;
};

// InProcessSoftHsm is SoftHSM2 loaded into the program, which has the PIN itself.
class InProcessSoftHsm {
 public:
  InProcessSoftHsm() {
    hsm_.AddToken(kToken, kPin);
    MakeKey(test::kSoftHsmModule, {{"SOFTHSM2_CONF", hsm_.config()}});
  }

  void Use() const { setenv("SOFTHSM2_CONF", hsm_.config().c_str(), 1); }
  static TokenKeyName key() { return {test::kSoftHsmModule, kToken, kLabel, kPin}; }

 private:
  const test::SoftHsm hsm_;
};

// Tpm2Pkcs11 is a TPM that the application itself reaches, with a token of tpm2-pkcs11.
class Tpm2Pkcs11 {
 public:
  Tpm2Pkcs11() {
    const std::string module = key().module;
    const std::map<std::string, std::string> environment = Environment();
    MustRun(
        {"pkcs11-tool", "--module", module, "--slot-index", "0", "--init-token", "--label", kToken, "--so-pin", kPin},
        environment);
    MustRun({"pkcs11-tool", "--module", module, "--token-label", kToken, "--init-pin", "--so-pin", kPin, "--pin", kPin},
            environment);
    MakeKey(module, environment);
  }

  void Use() const {
    for (const auto& [name, value] : Environment()) setenv(name.c_str(), value.c_str(), 1);
  }
  static TokenKeyName key() { return {Installed("libtpm2_pkcs11.so"), kToken, kLabel, kPin}; }

 private:
  std::map<std::string, std::string> Environment() const {
    return {
        {"TPM2_PKCS11_STORE", dir_.path().string()}, {"TPM2_PKCS11_TCTI", tpm_.tcti()}, {"TPM2_PKCS11_LOG_LEVEL", "0"}};
  }

  test::TempDir dir_;
  test::Swtpm tpm_;
};

// Signers are processes that each load a module and sign. They load it one after the other: SoftHSM2 does not find its
// tokens when several programs open them at once.
template <typename Host>
Clients Signers(const Host& host, size_t count) {
  host.Use();
  const test::TempDir dir;
  const std::string turn = dir.Write("turn", "");
  return Clients(count, [&turn](size_t) {
    const int lock = open(turn.c_str(), O_RDONLY | O_CLOEXEC);
    flock(lock, LOCK_EX);
    auto signer = std::make_shared<TokenSigner>(Host::key());
    close(lock);
    return [signer] { return signer->SignOne(); };
  });
}

template <typename Ours, typename Theirs>
Line Compare(const std::string& what, const Ours& ours, const Theirs& theirs, size_t count, double reach, int rounds) {
  Clients our_clients = Signers(ours, count);
  Clients their_clients = Signers(theirs, count);
  std::vector<double> of_ours, of_theirs;
  for (int round = 0; round < rounds; ++round) {
    of_ours.push_back(our_clients.RunFor(kTime));
    of_theirs.push_back(their_clients.RunFor(kTime));
  }
  return Paired(what, of_ours, of_theirs, "/s", reach, true);
}

// HostFootprint is of one of two such programs that run at the same time: what they share is nobody's.
Footprint HostFootprint(const std::vector<std::string>& arguments) {
  const test::TempDir dir;
  std::vector<std::string> command = {kHost};
  command.insert(command.end(), arguments.begin(), arguments.end());
  test::Process::Options options;
  std::vector<std::unique_ptr<test::Process>> hosts;
  for (const char* const name : {"one", "other"}) {
    options.output = dir.File(name);
    hosts.push_back(test::Process::Start(command, options));
    test::Process& host = *hosts.back();
    if (!test::WaitFor([&] { return host.Output() == "ready\n"; })) Give("the host: " + host.Output());
  }
  return FootprintOf(hosts.front()->pid());
}

}  // namespace

std::vector<Line> ModuleRate(int rounds) {
  const DaemonWithKey software("");
  const RemotedSoftHsm remoted;
  std::vector<Line> lines = {
      Compare("signatures a second through our module, software key, 1 process, over p11-kit's remoting of SoftHSM2",
              software, remoted, 1, 1.0, rounds),
      Compare("the same, 8 processes", software, remoted, 8, 1.5, rounds)};
  const test::Swtpm tpm;
  const DaemonWithKey in_tpm(test::TestDaemon::WithTpm(tpm.tcti()).backends);
  const Tpm2Pkcs11 direct;
  lines.push_back(Compare("signatures a second through our module, TPM key, 1 process, over tpm2-pkcs11 in process",
                          in_tpm, direct, 1, 2.0, rounds));
  return lines;
}

std::vector<Line> HsmRate(int rounds) {
  // The daemon has the PIN as systemd would give it.
  const test::TempDir credentials;
  const test::SoftHsm hsm;
  hsm.AddToken("ours", kPin);
  chmod(credentials.Write("ddskeyd.pkcs11-pin", kPin).c_str(), 0400);
  setenv("CREDENTIALS_DIRECTORY", credentials.path().c_str(), 1);
  const DaemonWithKey behind(test::SoftHsmBackend(hsm, "hsm", "ours"));
  unsetenv("CREDENTIALS_DIRECTORY");
  const InProcessSoftHsm in_process;
  return {Compare("signatures a second with a key in SoftHSM2, 8 processes, behind the daemon over in process", behind,
                  in_process, 8, 0.5, rounds)};
}

std::vector<Line> ModuleFootprint(int rounds) {
  const DaemonWithKey software("");
  software.Use();
  std::vector<double> threads, libraries, memory;
  for (int round = 0; round < rounds; ++round) {
    const Footprint bare = HostFootprint({});
    const Footprint loaded = HostFootprint({test::kPkcs11Module, kLabel});
    threads.push_back(loaded.threads - bare.threads);
    libraries.push_back(static_cast<double>(loaded.libraries.size() - bare.libraries.size()));
    memory.push_back((loaded.private_memory - bare.private_memory) / 1024);
  }
  return {Single("module in a program in C: threads added", threads, "", 0),
          Single("module in a program in C: libraries added, itself included", libraries, "", 10),
          Single("module in a program in C: private memory added", memory, "MB", 1)};
}

}  // namespace ddskey::bench
