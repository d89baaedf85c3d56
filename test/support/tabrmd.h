#ifndef TEST_SUPPORT_TABRMD_H_
#define TEST_SUPPORT_TABRMD_H_

#include <memory>
#include <string>

#include "test/support/dbus.h"
#include "test/support/process.h"
#include "test/support/swtpm.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {

// Tabrmd is tpm2-abrmd in front of a TPM of its own. Ends the test program if it cannot be started.
class Tabrmd {
 public:
  // On a session bus that all of a test program share, and that DBUS_SESSION_BUS_ADDRESS names from the first one on:
  // make it before other threads run.
  Tabrmd();
  // On `bus`, which must outlive it.
  explicit Tabrmd(const DBus& bus);
  ~Tabrmd();
  Tabrmd(const Tabrmd&) = delete;
  Tabrmd& operator=(const Tabrmd&) = delete;

  // tcti is how tpm2-tss reaches it.
  std::string tcti() const;
  Swtpm& tpm() { return tpm_; }

  // Kill ends it at once; Restart starts it again, on the same TPM.
  void Kill();
  void Restart();
  // Stop freezes it (SIGSTOP) until Continue.
  void Stop();
  void Continue();

 private:
  void Start();

  const DBus& bus_;
  Swtpm tpm_;
  TempDir dir_;
  std::string name_;
  std::unique_ptr<Process> process_;
};

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_TABRMD_H_
