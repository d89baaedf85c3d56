#ifndef TEST_SUPPORT_DBUS_H_
#define TEST_SUPPORT_DBUS_H_

#include <memory>
#include <string>

#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {

// DBus is a message bus on which everybody may do everything, in place of the host's session or system bus for whatever
// the test starts from now on: make it before other threads run. Ends the test program if it cannot be started.
class DBus {
 public:
  enum class Type { kSession, kSystem };

  explicit DBus(Type type);

  Type type() const { return type_; }
  std::string address() const { return "unix:path=" + dir_.File("bus"); }
  // Has says whether somebody owns `name`.
  bool Has(const std::string& name) const;

  // Kill ends it at once; Restart starts it again, with nobody on it.
  void Kill() { process_->Kill(); }
  void Restart();
  // Stop freezes it (SIGSTOP) until Continue.
  void Stop() { process_->Freeze(); }
  void Continue();

 private:
  void Start();

  const Type type_;
  TempDir dir_;
  std::unique_ptr<Process> process_;
};

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_DBUS_H_
