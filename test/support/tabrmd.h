#ifndef TEST_SUPPORT_TABRMD_H_
#define TEST_SUPPORT_TABRMD_H_

#include <memory>
#include <string>

#include "test/support/process.h"
#include "test/support/swtpm.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {

// Tabrmd is tpm2-abrmd in front of a TPM of its own, on a session bus that all of a test program share and that
// DBUS_SESSION_BUS_ADDRESS names from the first one on: make it before other threads run. Ends the test program if it
// cannot be started.
class Tabrmd {
 public:
  Tabrmd();
  ~Tabrmd();
  Tabrmd(const Tabrmd&) = delete;
  Tabrmd& operator=(const Tabrmd&) = delete;

  // tcti is how tpm2-tss reaches it.
  std::string tcti() const { return "tabrmd:bus_type=session,bus_name=" + name_; }
  Swtpm& tpm() { return tpm_; }

  // Kill ends it at once; Restart starts it again, on the same TPM.
  void Kill();
  void Restart();
  // Stop freezes it (SIGSTOP) until Continue.
  void Stop();
  void Continue();

 private:
  void Start();

  Swtpm tpm_;
  TempDir dir_;
  std::string name_;
  std::unique_ptr<Process> process_;
};

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_TABRMD_H_
