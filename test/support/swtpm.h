#ifndef TEST_SUPPORT_SWTPM_H_
#define TEST_SUPPORT_SWTPM_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {

// Swtpm is a software TPM 2.0 on a unix socket in a folder of its own, fresh and started up. tpm2-tss connects to it
// anew for each command, and swtpm serves one connection at a time, so several programs may use it in turn. It dies
// with the thread that started it. Ends the test program if swtpm cannot be started.
class Swtpm {
 public:
  Swtpm();
  // `prepare` puts something into the folder of its state before it starts.
  explicit Swtpm(const std::function<void(const std::string& state)>& prepare);
  ~Swtpm();
  Swtpm(const Swtpm&) = delete;
  Swtpm& operator=(const Swtpm&) = delete;

  // tcti is how tpm2-tss reaches it.
  std::string tcti() const { return "swtpm:path=" + socket(); }
  // socket is the path of its command socket.
  std::string socket() const { return dir_.File("s"); }
  // state is the folder of its memory.
  std::string state() const { return dir_.File("state"); }
  pid_t pid() const { return process_->pid(); }

  // Kill ends it at once, as a crash does; the socket stays behind, unanswered.
  void Kill();
  // Restart starts it again on the same state: after Kill, like a computer that was switched off and on. What was
  // loaded is gone; what is stored or derived from its seeds is as before.
  void Restart();
  // PowerCycle resets the TPM under whoever uses it: every command fails until somebody sends TPM2_Startup.
  void PowerCycle();
  // PowerOff leaves the TPM without power, and every command failing, until PowerOn.
  void PowerOff();
  // PowerOn ends PowerOff; the TPM then waits for TPM2_Startup.
  void PowerOn();
  // Stop freezes it (SIGSTOP): it accepts connections and answers nothing.
  void Stop();
  // Continue ends Stop.
  void Continue();

 private:
  void Start();
  void Control(const std::string& request) const;

  TempDir dir_;
  std::unique_ptr<Process> process_;
};

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_SWTPM_H_
