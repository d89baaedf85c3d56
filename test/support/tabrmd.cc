#include "test/support/tabrmd.h"

#include <signal.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace ddskey::test {
namespace {

[[noreturn]] void Fail(const std::string& what, const std::string& output) {
  std::fprintf(stderr, "%s\n%s\n", what.c_str(), output.c_str());
  std::abort();
}

// Bus is a session bus.
class Bus {
 public:
  Bus() {
    Process::Options options;
    options.output = dir_.File("log");
    process_ =
        Process::Start({"dbus-daemon", "--session", "--nofork", "--nopidfile", "--address=" + address()}, options);
    if (!WaitFor([this] { return std::filesystem::exists(dir_.File("bus")); })) {
      Fail("dbus-daemon does not start", process_->Output());
    }
    setenv("DBUS_SESSION_BUS_ADDRESS", address().c_str(), 1);
  }

  std::string address() const { return "unix:path=" + dir_.File("bus"); }
  bool Has(const std::string& name) const {
    std::string answer;
    Run({"dbus-send", "--bus=" + address(), "--print-reply", "--dest=org.freedesktop.DBus", "/",
         "org.freedesktop.DBus.NameHasOwner", "string:" + name},
        &answer);
    return answer.find("true") != std::string::npos;
  }

 private:
  TempDir dir_;
  std::unique_ptr<Process> process_;
};

// Glib connects to the bus once a process, so there is one.
Bus& SharedBus() {
  static Bus bus;
  return bus;
}

std::atomic<int> last_number = 0;

}  // namespace

Tabrmd::Tabrmd() : name_("org.ddskey.Tabrmd" + std::to_string(++last_number)) { Start(); }

Tabrmd::~Tabrmd() = default;

void Tabrmd::Start() {
  const Bus& bus = SharedBus();
  Process::Options options;
  options.output = dir_.File("log");
  process_ = Process::Start(
      // A broker that was killed leaves its sessions in the TPM, which has room for few.
      {"/usr/sbin/tpm2-abrmd", "--session", "--allow-root", "--flush-all", "--dbus-name=" + name_,
       "--tcti=" + tpm_.tcti()},
      options);
  const bool up = WaitFor([&] { return !process_->Running() || bus.Has(name_); });
  if (!up || !process_->Running()) Fail("tpm2-abrmd does not start", process_->Output());
}

void Tabrmd::Kill() { process_->Kill(); }

void Tabrmd::Restart() {
  process_->Kill();
  WaitFor([this] { return !SharedBus().Has(name_); });
  Start();
}

void Tabrmd::Stop() { process_->Freeze(); }
void Tabrmd::Continue() { process_->Signal(SIGCONT); }

}  // namespace ddskey::test
