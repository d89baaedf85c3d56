#ifndef TEST_SUPPORT_OPTEE_MACHINE_H_
#define TEST_SUPPORT_OPTEE_MACHINE_H_

#include <string>
#include <vector>

namespace ddskey::test {

// OpteeMachine is the emulated Arm machine that `./dev test-optee` started for a test: its secure world has the tokens
// "ddskey-0" to "ddskey-2". What fails ends the test program with a message, and so does its absence.
class OpteeMachine {
 public:
  static constexpr int kTokens = 3;

  OpteeMachine();

  // module is a PKCS#11 module of this host that reaches the tokens, and environment what it wants to have in the
  // environment of its process, NAME=VALUE.
  const std::string& module() const { return module_; }
  std::string environment() const { return "P11_KIT_SERVER_ADDRESS=unix:path=" + folder_ + "/token.sock"; }
  static std::string Label(int token) { return "ddskey-" + std::to_string(token); }
  // pin is that of every token.
  const std::string& pin() const { return pin_; }

  // EmptyToken removes all keys of a token, once nobody uses it any more.
  void EmptyToken(int token) const;

  // KillSupplicant is kill -9 of the program of the normal world that reads and writes files for the secure world:
  // calls of the token then hang until StartSupplicant.
  void KillSupplicant() const { Do("supplicant kill"); }
  void StartSupplicant() const { Do("supplicant start"); }

  // CutPower ends the machine at once; PowerOn returns when it is up again, with the disk that it had.
  void CutPower() const { Do("power cut"); }
  void PowerOn() const { Do("power on"); }

  // Note puts a line into the summary of `./dev test-optee`.
  void Note(const std::string& what, const std::string& value) const;

 private:
  void Do(const std::string& command) const;
  bool Tool(std::vector<std::string> arguments) const;

  const std::string module_;
  const std::string folder_;
  const std::string pin_;
};

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_OPTEE_MACHINE_H_
