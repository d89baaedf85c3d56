#ifndef CLIENT_DOCTOR_SELF_TEST_H_
#define CLIENT_DOCTOR_SELF_TEST_H_

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/call_status.h"
#include "client/doctor/finding.h"
#include "client/doctor/host.h"

namespace ddskey::doctor {

// SelfTest is a handshake of an identity with itself.
struct SelfTest {
  // The daemon's socket for applications.
  std::string socket;
  std::string key;
  // PEM, the leaf first.
  std::string certificate;
  // What participants show of their rights; it matters only to an identity whose document is pinned.
  std::string permissions;
  // As whom, in a process of its own; nothing for ourselves.
  std::optional<UserFacts> user;
};

// SelfTestStep is a call that was answered.
struct SelfTestStep {
  std::string name;
  std::chrono::microseconds took{0};
};

// SelfTestResult is how far it came.
struct SelfTestResult {
  std::vector<SelfTestStep> done;
  // The step that was refused; empty if none was.
  std::string refused;
  CallStatus status;
};

// TryHandshake has the daemon authenticate two participants with one identity towards each other, as applications and
// their plugins would: nothing is kept. Only root can do it as another user. It takes at most half a minute. To be
// called while this process has one thread.
absl::StatusOr<SelfTestResult> TryHandshake(const SelfTest& test);

// JudgeHandshake says what came of it, how long each step took, and what to do about a refusal; `policy_file` is where
// a missing right would be granted.
void JudgeHandshake(const SelfTest& test, const absl::StatusOr<SelfTestResult>& result, const std::string& policy_file,
                    Findings& findings);

// CheckService sees whether the daemon answers at its socket for applications.
void CheckService(const std::string& socket, Findings& findings);

}  // namespace ddskey::doctor

#endif  // CLIENT_DOCTOR_SELF_TEST_H_
