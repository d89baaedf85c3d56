#include "test/support/swtpm.h"

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace ddskey::test {
namespace {

[[noreturn]] void Fail(const std::string& what, const std::string& output) {
  std::fprintf(stderr, "%s\n%s\n", what.c_str(), output.c_str());
  std::abort();
}

}  // namespace

Swtpm::Swtpm() : Swtpm([](const std::string&) {}) {}

Swtpm::Swtpm(const std::function<void(const std::string& state)>& prepare) {
  std::filesystem::create_directory(dir_.path() / "state");
  prepare(dir_.File("state"));
  Start();
}

Swtpm::~Swtpm() = default;

void Swtpm::Start() {
  // swtpm makes the command socket last, but an old one may lie there.
  std::filesystem::remove(socket());
  std::filesystem::remove(socket() + ".ctrl");
  Process::Options options;
  options.output = dir_.File("log");
  // tpm2-tss takes the control socket to be where the command socket is, with ".ctrl" after its name.
  process_ = Process::Start({"swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + dir_.File("state"), "--server",
                             "type=unixio,path=" + socket(), "--ctrl", "type=unixio,path=" + socket() + ".ctrl",
                             "--flags", "not-need-init,startup-clear"},
                            options);
  const bool up = WaitFor([this] {
    return !process_->Running() ||
           (std::filesystem::exists(socket()) && Run({"swtpm_ioctl", "--unix", socket() + ".ctrl", "-g"}) == 0);
  });
  if (!up || !process_->Running()) Fail("swtpm does not start", process_->Output());
}

void Swtpm::Kill() { process_->Kill(); }

void Swtpm::Restart() {
  process_->Kill();
  Start();
}

void Swtpm::PowerCycle() {
  PowerOff();
  PowerOn();
}

void Swtpm::PowerOff() { Control("--stop"); }
void Swtpm::PowerOn() { Control("-i"); }
void Swtpm::Stop() { process_->Freeze(); }
void Swtpm::Continue() { process_->Signal(SIGCONT); }

void Swtpm::Control(const std::string& request) const {
  std::string output;
  if (Run({"swtpm_ioctl", "--unix", socket() + ".ctrl", request}, &output) != 0) {
    Fail("swtpm_ioctl " + request + " failed", output);
  }
}

}  // namespace ddskey::test
