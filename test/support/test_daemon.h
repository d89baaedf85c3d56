#ifndef TEST_SUPPORT_TEST_DAEMON_H_
#define TEST_SUPPORT_TEST_DAEMON_H_

#include <memory>
#include <string>

#include "client/socket_admin_client.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {

// TestDaemon is the real ddskeyd, with its state, sockets, configuration and policy in a folder of its own that every
// user may enter. It runs until the end of the object; the keys survive Kill and Start.
class TestDaemon {
 public:
  struct Options {
    // The backends, in text format; "software" if empty.
    std::string backends;
    // The policy, in text format; by default root administers and may use every key for everything.
    std::string policy;
    // More configuration, in text format: limits and the like.
    std::string more;
  };

  // The constructor starts the daemon and waits until it serves.
  explicit TestDaemon(const Options& options);
  TestDaemon() : TestDaemon(Options()) {}
  ~TestDaemon();

  // Configure replaces configuration and policy, for the next Start.
  void Configure(const Options& options);

  // WithTpm configures a tpm2 backend named "tpm".
  static Options WithTpm(const std::string& tcti);

  // Start starts it again and waits until it serves; Kill is kill -9; Stop is SIGTERM, and returns the exit status.
  void Start();
  void Kill() { process_->Kill(); }
  int Stop();
  Process& process() { return *process_; }

  // SetPolicy replaces the policy file and waits until it is in force, or until the daemon says that it is not.
  void SetPolicy(const std::string& policy);

  std::string socket() const { return dir_.File("ddskeyd.sock"); }
  std::string admin_socket() const { return dir_.File("admin.sock"); }
  const TempDir& dir() const { return dir_; }
  // Log is what the daemon wrote so far.
  std::string Log() const { return ReadFile(dir_.File("log")); }
  SocketAdminClient& admin() { return *admin_; }

  // Enroll makes a key, in the first backend unless one is named, and has `ca` certify it under `certificate`'s
  // subject; `ca` is installed as its anchor. Returns the certificate, PEM.
  std::string Enroll(const std::string& name, const TestCa& ca, const CertificateOptions& certificate,
                     const std::string& algorithm = "ec-p256", const std::string& backend = "");

  // The same with a key of any kind.
  std::string Enroll(const v1::CreateKeyRequest& create, const TestCa& ca, const CertificateOptions& certificate);

  // PublicKeyOf is the DER SubjectPublicKeyInfo of a key.
  static std::string PublicKeyOf(const v1::Key& key);

  // Status asks for the daemon's status; ends the test program if it is not told.
  v1::GetStatusResponse Status();

 private:
  TempDir dir_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<SocketAdminClient> admin_;
};

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_TEST_DAEMON_H_
