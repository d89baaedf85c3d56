#ifndef TEST_SUPPORT_TPM_RELAY_H_
#define TEST_SUPPORT_TPM_RELAY_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "test/support/swtpm.h"

namespace ddskey::test {

// TpmRelay is a swtpm that is reached by other ways than its socket: as a character device (a pseudo-terminal, one
// command and one answer at a time, as the kernel's), as Microsoft's simulator (two TCP ports of the loopback, TPM 2.0
// library, "TcpServer"), or by swtpm's own protocol over TCP. Ends the test program if it cannot be set up.
class TpmRelay {
 public:
  enum class Way { kDevice, kSimulator, kTcp };

  TpmRelay(Swtpm& tpm, Way way);
  ~TpmRelay();
  TpmRelay(const TpmRelay&) = delete;
  TpmRelay& operator=(const TpmRelay&) = delete;

  // tcti is how tpm2-tss reaches it.
  const std::string& tcti() const { return tcti_; }

 private:
  void OpenDevice();
  // OpenPorts opens two ports in a row; returns the first.
  uint16_t OpenPorts();
  void OpenSimulator();
  void OpenTcp();
  void ServeDevice() const;
  void Accept(int listener, const std::function<bool(int)>& answer) const;
  bool AnswerCommand(int client) const;
  static bool AnswerPlatform(int client);
  bool AnswerBare(int client) const;
  bool AnswerControl(int client) const;
  // Connect opens a socket of swtpm's; -1 if it is not there.
  static int Connect(const std::string& path);
  std::string Execute(const std::string& command) const;

  Swtpm& tpm_;
  std::string tcti_;
  std::atomic<bool> stopping_ = false;
  std::vector<int> descriptors_;
  std::vector<std::thread> threads_;
};

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_TPM_RELAY_H_
