#ifndef DAEMON_BACKEND_PKCS11_TOKEN_MONITOR_H_
#define DAEMON_BACKEND_PKCS11_TOKEN_MONITOR_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/backend/key_backend.h"
#include "daemon/backend/pkcs11/token.h"
#include "daemon/backend/pkcs11/token_blob.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/auth_kind.h"

namespace ddskey::pkcs11 {

// TokenMonitor is what everybody may know about a token while its owner, who writes it, waits for it. Thread-safe.
class TokenMonitor {
 public:
  TokenMonitor() = default;
  TokenMonitor(const TokenMonitor&) = delete;
  TokenMonitor& operator=(const TokenMonitor&) = delete;

  // SetToken says what the token is that was opened, and so that it is there.
  void SetToken(const TokenState& state) {
    const std::lock_guard lock(mutex_);
    state_ = state;
    identity_ = IdentityOf(state);
    problem_.clear();
    is_locked_ = false;
  }
  // SetProblem says why there is no token to use; `is_locked` if it wants a PIN.
  void SetProblem(std::string problem, bool is_locked) {
    const std::lock_guard lock(mutex_);
    if (problem_.empty() && !problem.empty()) ++outages_;
    problem_ = std::move(problem);
    is_locked_ = is_locked;
  }
  // SetLie says that the token gave a wrong answer; empty when it gave a right one.
  void SetLie(std::string lie) {
    const std::lock_guard lock(mutex_);
    lie_ = std::move(lie);
  }
  // SetKeyProblem says why a key cannot be used although the token works; empty if it can. Of the keys for which it
  // was said, the first 1,024 are known.
  void SetKeyProblem(const std::string& public_key, std::string problem) {
    const std::lock_guard lock(mutex_);
    if (problem.empty()) {
      key_problems_.erase(public_key);
    } else if (key_problems_.size() < kMostKeyProblems || key_problems_.contains(public_key)) {
      key_problems_[public_key] = std::move(problem);
    }
  }

  std::string key_problem(const std::string& public_key) const {
    const std::lock_guard lock(mutex_);
    const auto found = key_problems_.find(public_key);
    return found == key_problems_.end() ? "" : found->second;
  }
  // problem is a sentence, or empty.
  std::string problem() const {
    const std::lock_guard lock(mutex_);
    return problem_.empty() ? lie_ : problem_;
  }
  // outages is how often there came to be no token to use where there was one.
  uint64_t outages() const {
    const std::lock_guard lock(mutex_);
    return outages_;
  }
  std::vector<AuthKind> missing() const {
    const std::lock_guard lock(mutex_);
    return is_locked_ ? std::vector<AuthKind>{AuthKind::kPin} : std::vector<AuthKind>();
  }
  std::string warning() const {
    const std::lock_guard lock(mutex_);
    return state_.warning;
  }
  // algorithms is empty, and identity and device are, until the token was reached; from then on they are those of the
  // token that was there last.
  std::vector<KeyAlgorithm> algorithms() const {
    const std::lock_guard lock(mutex_);
    return state_.algorithms;
  }
  std::string identity() const {
    const std::lock_guard lock(mutex_);
    return identity_;
  }
  std::string device() const {
    const std::lock_guard lock(mutex_);
    if (identity_.empty()) return "";
    return absl::StrCat(state_.manufacturer, " ", state_.model, ", token \"", state_.label, "\", serial ",
                        state_.serial, ", ", state_.firmware);
  }

 private:
  static constexpr size_t kMostKeyProblems = 1024;

  mutable std::mutex mutex_;
  TokenState state_;
  std::string identity_;
  std::string problem_ = "the token has not been reached yet";
  uint64_t outages_ = 0;
  std::string lie_;
  bool is_locked_ = false;
  std::map<std::string, std::string> key_problems_;
};

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_TOKEN_MONITOR_H_
