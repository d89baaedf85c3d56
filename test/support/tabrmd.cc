#include "test/support/tabrmd.h"

#include <signal.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace ddskey::test {
namespace {

[[noreturn]] void Fail(const std::string& what, const std::string& output) {
  std::fprintf(stderr, "%s\n%s\n", what.c_str(), output.c_str());
  std::abort();
}

// Glib connects to the bus once a process, so there is one.
const DBus& SharedBus() {
  static const DBus bus(DBus::Type::kSession);
  return bus;
}

std::atomic<int> last_number = 0;

}  // namespace

Tabrmd::Tabrmd() : Tabrmd(SharedBus()) {}

Tabrmd::Tabrmd(const DBus& bus) : bus_(bus), name_("org.ddskey.Tabrmd" + std::to_string(++last_number)) { Start(); }

Tabrmd::~Tabrmd() = default;

void Tabrmd::Start() {
  Process::Options options;
  options.output = dir_.File("log");
  // A broker that was killed leaves its sessions in the TPM, which has room for few.
  std::vector<std::string> command = {"/usr/sbin/tpm2-abrmd", "--allow-root", "--flush-all", "--dbus-name=" + name_,
                                      "--tcti=" + tpm_.tcti()};
  if (bus_.type() == DBus::Type::kSession) command.push_back("--session");
  process_ = Process::Start(command, options);
  const bool up = WaitFor([&] { return !process_->Running() || bus_.Has(name_); });
  if (!up || !process_->Running()) Fail("tpm2-abrmd does not start", process_->Output());
}

std::string Tabrmd::tcti() const {
  return std::string("tabrmd:bus_type=") + (bus_.type() == DBus::Type::kSession ? "session" : "system") +
         ",bus_name=" + name_;
}

void Tabrmd::Kill() { process_->Kill(); }

void Tabrmd::Restart() {
  process_->Kill();
  WaitFor([this] { return !bus_.Has(name_); });
  Start();
}

void Tabrmd::Stop() { process_->Freeze(); }
void Tabrmd::Continue() { process_->Signal(SIGCONT); }

}  // namespace ddskey::test
