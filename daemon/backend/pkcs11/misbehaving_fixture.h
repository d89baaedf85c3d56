#ifndef DAEMON_BACKEND_PKCS11_MISBEHAVING_FIXTURE_H_
#define DAEMON_BACKEND_PKCS11_MISBEHAVING_FIXTURE_H_

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <sstream>
#include <string>

#include "daemon/backend/pkcs11/helper_token_fixture.h"
#include "test/support/softhsm.h"
#include "test/support/temp_dir.h"

namespace ddskey::pkcs11 {

// MisbehavingHsm is SoftHSM2 with the token "robot", reached through a module that does what it is told
// (test/fakes/misbehaving_pkcs11.cc).
class MisbehavingHsm {
 public:
  MisbehavingHsm() {
    hsm_.AddToken("robot", kPin);
    // Other users cannot read a test's own folder.
    std::filesystem::copy_file("test/fakes/libmisbehaving_pkcs11.so", module());
    std::filesystem::permissions(module(), std::filesystem::perms(0755));
    std::filesystem::permissions(folder_.path(), std::filesystem::perms::all);
    Tell("");
  }

  // Tell replaces what the module is told to do.
  void Tell(const std::string& commands) const {
    folder_.Write("new", commands);
    std::filesystem::permissions(folder_.File("new"), std::filesystem::perms(0666));
    std::filesystem::rename(folder_.File("new"), folder_.File("commands"));
  }

  std::string Log() const { return test::ReadFile(folder_.File("log")); }

  // Logged is how many lines of the log are `line`.
  int Logged(const std::string& line) const {
    std::istringstream log(Log());
    int count = 0;
    for (std::string found; std::getline(log, found);) count += found == line ? 1 : 0;
    return count;
  }

  HelperOptions options() const {
    HelperOptions options = SoftHsmOptions(hsm_);
    options.module = module();
    options.environment.push_back("MISBEHAVIOUR=" + folder_.path().string());
    options.call_deadline = std::chrono::milliseconds(800);
    return options;
  }

  const test::TempDir& folder() const { return folder_; }
  std::string module() const { return folder_.File("module.so"); }

 private:
  test::SoftHsm hsm_;
  test::TempDir folder_;
};

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_MISBEHAVING_FIXTURE_H_
