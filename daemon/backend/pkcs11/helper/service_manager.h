#ifndef DAEMON_BACKEND_PKCS11_HELPER_SERVICE_MANAGER_H_
#define DAEMON_BACKEND_PKCS11_HELPER_SERVICE_MANAGER_H_

#include <chrono>

namespace ddskey::pkcs11 {

// ServiceManager is systemd, as far as it told this process about itself (sd_notify(3), sd_listen_fds(3)). Not
// libsystemd's: its functions read the environment each time, which a module must not find.
class ServiceManager {
 public:
  // Find reads the environment, and takes out of it everything that is a service manager's.
  static ServiceManager Find();

  // has_socket is whether it passed a listening socket, which is kHelperDescriptor.
  bool has_socket() const { return has_socket_; }
  void SayReady() const { Say("READY=1"); }
  void SayAlive() const { Say("WATCHDOG=1"); }
  // period is how often it wants to hear that all is well; very long if never.
  std::chrono::milliseconds period() const { return period_; }

 private:
  void Say(const char* what) const;

  bool has_socket_ = false;
  int notify_ = -1;
  std::chrono::milliseconds period_ = std::chrono::hours(24);
};

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_SERVICE_MANAGER_H_
