#ifndef DAEMON_BACKEND_TPM2_DEVICE_MONITOR_H_
#define DAEMON_BACKEND_TPM2_DEVICE_MONITOR_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/backend/key_backend.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/auth_kind.h"

namespace ddskey::tpm {

// DeviceMonitor is what everybody may know about the TPM while its owner, who writes it, may be stuck in it.
// Thread-safe.
class DeviceMonitor {
 public:
  DeviceMonitor() = default;
  DeviceMonitor(const DeviceMonitor&) = delete;
  DeviceMonitor& operator=(const DeviceMonitor&) = delete;

  // SetDevice says what the device is; SetProblem what is wrong with it, empty if nothing.
  void SetDevice(std::string device) {
    const std::lock_guard lock(mutex_);
    device_ = std::move(device);
  }
  void SetProblem(std::string problem) {
    const std::lock_guard lock(mutex_);
    if (problem_.empty() && !problem.empty()) ++outages_;
    problem_ = std::move(problem);
  }
  // SetStorageRoot says which storage root key it has; empty if that is not known.
  void SetStorageRoot(std::string storage_root) {
    const std::lock_guard lock(mutex_);
    storage_root_ = std::move(storage_root);
  }
  // SetWarning says what somebody should look after although the device works; empty if nothing.
  void SetWarning(std::string warning) {
    const std::lock_guard lock(mutex_);
    warning_ = std::move(warning);
  }
  // outages is how often there came to be a problem where there was none.
  uint64_t outages() const {
    const std::lock_guard lock(mutex_);
    return outages_;
  }
  std::string warning() const {
    const std::lock_guard lock(mutex_);
    return warning_;
  }
  // SetAlgorithms says what keys the device makes.
  void SetAlgorithms(std::vector<KeyAlgorithm> algorithms) {
    const std::lock_guard lock(mutex_);
    algorithms_ = std::move(algorithms);
  }

  // SetPersistentParent and SetPrimaryParent say under which keys this TPM keeps others, by name: that of its storage
  // root key, and that of the one it derives; empty for none that could be used.
  void SetPersistentParent(std::string name) {
    const std::lock_guard lock(mutex_);
    persistent_parent_ = std::move(name);
  }
  void SetPrimaryParent(std::string name) {
    const std::lock_guard lock(mutex_);
    primary_parent_ = std::move(name);
    primary_wanted_ = false;
  }

  // Recognize says whether keys under the parent of this name are of this TPM. Deriving the primary key takes its time,
  // so that is done when it is asked for: `primary_wanted` is true then.
  Recognition Recognize(std::string_view parent) {
    if (parent.empty()) return Recognition::kForeign;
    const std::lock_guard lock(mutex_);
    if (persistent_parent_ == parent || primary_parent_ == parent) return Recognition::kOwn;
    if (persistent_parent_.has_value() && primary_parent_.has_value()) return Recognition::kForeign;
    primary_wanted_ = true;
    return Recognition::kUnknown;
  }
  bool primary_wanted() const { return primary_wanted_; }

  // SetKeyProblem says why a key cannot be used although the device works; empty if it can. Of the keys for which it
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

  // SetMissing says for what there is no authorisation value, or none that was not refused.
  void SetMissing(std::vector<AuthKind> missing) {
    const std::lock_guard lock(mutex_);
    missing_ = std::move(missing);
  }
  std::vector<AuthKind> missing() const {
    const std::lock_guard lock(mutex_);
    return missing_;
  }
  // SetSecretOrigin says where the secret of keys is; empty if there is none.
  void SetSecretOrigin(std::string origin) {
    const std::lock_guard lock(mutex_);
    secret_origin_ = std::move(origin);
  }
  std::string secret_origin() const {
    const std::lock_guard lock(mutex_);
    return secret_origin_;
  }

  // Begin says that the owner waits for the device from now on, and for how long that is nothing strange; End that it
  // does no more.
  void Begin(std::chrono::seconds patience) {
    patience_ = patience;
    busy_since_ = std::chrono::steady_clock::now().time_since_epoch();
  }
  void End() { busy_since_ = std::chrono::steady_clock::duration::zero(); }
  // busy is whether the owner waits for the device; if that is strange there is a problem.
  bool busy() const { return busy_since_.load() != std::chrono::steady_clock::duration::zero(); }

  std::string device() const {
    const std::lock_guard lock(mutex_);
    return storage_root_.empty() ? device_ : absl::StrCat(device_, "; ", storage_root_);
  }

  // algorithms is empty until the device was reached.
  std::vector<KeyAlgorithm> algorithms() const {
    const std::lock_guard lock(mutex_);
    return algorithms_;
  }

  // problem is a sentence, or empty.
  std::string problem() const {
    const auto since = busy_since_.load();
    const auto silence = std::chrono::steady_clock::now().time_since_epoch() - since;
    if (since != since.zero() && silence > patience_.load()) {
      return absl::StrCat("the TPM has not answered for ",
                          std::chrono::duration_cast<std::chrono::seconds>(silence).count(),
                          " s; check that it, or the service in front of it, is running");
    }
    const std::lock_guard lock(mutex_);
    return problem_;
  }

 private:
  static constexpr size_t kMostKeyProblems = 1024;

  mutable std::mutex mutex_;
  std::string device_;
  std::string storage_root_;
  std::string warning_;
  std::vector<KeyAlgorithm> algorithms_;
  std::optional<std::string> persistent_parent_;
  std::optional<std::string> primary_parent_;
  std::atomic<bool> primary_wanted_ = false;
  std::map<std::string, std::string> key_problems_;
  std::vector<AuthKind> missing_;
  std::string secret_origin_;
  std::string problem_ = "the TPM has not been reached yet";
  uint64_t outages_ = 0;
  std::atomic<std::chrono::steady_clock::duration> busy_since_ = std::chrono::steady_clock::duration::zero();
  std::atomic<std::chrono::seconds> patience_ = std::chrono::seconds(0);
};

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_DEVICE_MONITOR_H_
