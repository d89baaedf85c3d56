#ifndef TEST_INTEROP_SECURED_DOMAIN_H_
#define TEST_INTEROP_SECURED_DOMAIN_H_

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "test/support/pki.h"
#include "test/support/pki_cyclone.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"

namespace ddskey::interop {

// Stack is a DDS together with who keeps the private key.
enum class Stack {
  // Cyclone DDS with our plugin; the key is in the daemon.
  kCycloneInCustody,
  // Cyclone DDS with its builtin plugin; the key is in a file.
  kCyclone,
  // Fast DDS with its builtin plugin; the key is in a file.
  kFastDds,
  // Fast DDS with its builtin plugin; the key is in the daemon, reached through our PKCS#11 module.
  kFastDdsInCustody,
};

// NameOf is how tables and test names call a stack.
std::string NameOf(Stack stack);

// GreeterProcess is a running application (cyclone_greeter, fast_greeter).
class GreeterProcess {
 public:
  GreeterProcess(const std::vector<std::string>& command, test::Process::Options options);

  // Heard is how many greetings of `from` it has received.
  size_t Heard(const std::string& from) const;
  // WaitToHear waits until it has received more than `count` greetings of `from`; false if it ended or `limit` passed
  // first.
  bool WaitToHear(const std::string& from, size_t count = 0,
                  std::chrono::milliseconds limit = std::chrono::seconds(60)) const;

  test::Process& process() const { return *process_; }
  std::string Output() const { return process_->Output(); }

 private:
  test::TempDir folder_;
  std::unique_ptr<test::Process> process_;
};

// SecuredDomain is a DDS domain on loopback in which everything is encrypted, for greeters of all stacks: certificates
// and documents of one kind of key, and a daemon.
class SecuredDomain {
 public:
  struct Options {
    // Of the CAs and of the participants.
    test::TestKeyType keys = test::TestKeyType::kEcP256;
    // LeaseDuration of Cyclone DDS, for example "2s"; its default (10 s) if empty.
    std::string lease = {};
    // Participants in custody send all they can: a chain of two with the text of `openssl x509 -text` around it, and an
    // OCSP response.
    bool chain_and_staple = false;
  };

  explicit SecuredDomain(const Options& options) : options_(options), pki_(folder_.path(), options.keys) {}
  SecuredDomain() : SecuredDomain(Options()) {}

  // InOrder returns two names whose participants begin a handshake in this order: the one with the lower GUID, which
  // begins with the hash of its certificate's subject, initiates.
  std::pair<std::string, std::string> InOrder() const;

  // Enroll makes the key, the certificate and the documents of participant `name`.
  void Enroll(Stack stack, const std::string& name);

  // Start runs the greeter of a participant that is enrolled; with `lives`, as RunGreeter says.
  std::unique_ptr<GreeterProcess> Start(Stack stack, const std::string& name, int lives = 0) const;

  test::TestDaemon& daemon() { return daemon_; }

 private:
  void AddChainAndStaple(const std::string& name, const std::string& certificate);
  test::Process::Options ForCyclone(Stack stack, const std::string& name) const;
  test::Process::Options ForFastDds(Stack stack, const std::string& name) const;

  const Options options_;
  const test::TempDir folder_;
  test::CyclonePki pki_;
  test::TestDaemon daemon_;
};

}  // namespace ddskey::interop

#endif  // TEST_INTEROP_SECURED_DOMAIN_H_
