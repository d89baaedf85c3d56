#ifndef DAEMON_BACKEND_TPM2_TPM_OWNER_H_
#define DAEMON_BACKEND_TPM2_TPM_OWNER_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/device_queue.h"
#include "daemon/backend/fair_queue.h"
#include "daemon/backend/tpm2/device_monitor.h"
#include "daemon/backend/tpm2/key_device.h"
#include "daemon/backend/tpm2/retry.h"

namespace ddskey::tpm {

// TpmOwner is what the one thread does that talks to a TPM: it takes works from the queue and does them, repeated by
// Retry, until their deadline; while it has nothing to do it looks after the device now and then, and connects again if
// it is away.
//
// No signature leaves before it was checked against the public key: a TPM that computes wrongly, or a handle that names
// another key since the TPM was restarted, is found out, everything is loaded again and the signature made once more.
// The check costs no time of the TPM: it is done while the TPM makes the next signature, if there is one to make.
class TpmOwner {
 public:
  // DeviceMaker makes the device, which tells `monitor` about itself and stops waiting when `stop_fd` becomes readable.
  using DeviceMaker = std::function<std::unique_ptr<KeyDevice>(DeviceMonitor& monitor, int stop_fd)>;

  // Create fails if there are no descriptors left. `library` is for checking signatures, and is there as long as the
  // device; `probe_interval` is how often an idle TPM is looked after; zero: only while it is away.
  static absl::StatusOr<std::shared_ptr<TpmOwner>> Create(std::unique_ptr<CryptoLibrary> library,
                                                          const DeviceMaker& make_device,
                                                          const FairQueue::Options& queue,
                                                          std::chrono::milliseconds probe_interval);
  ~TpmOwner();
  TpmOwner(const TpmOwner&) = delete;
  TpmOwner& operator=(const TpmOwner&) = delete;

  // Run returns after Stop, as soon as the TPM has answered or can be left.
  void Run();

  // The rest may be called by any thread.
  void Stop();
  // Recognize is DeviceMonitor's; what it needs to know is found out meanwhile.
  Recognition Recognize(const std::string& parent);
  DeviceQueue& queue() { return queue_; }
  const DeviceMonitor& monitor() const { return monitor_; }
  uint64_t signatures() const { return signatures_; }
  // Stalled is the queue's, but for an owner that waits for the TPM: of that the monitor knows.
  DeviceQueue::Time::duration Stalled() const;

 private:
  // Unchecked is a signature that was not compared with its key yet.
  struct Unchecked {
    DeviceQueue::Turn turn;
    KeyDevice::Signed result;
  };

  TpmOwner(int stop_fd, std::unique_ptr<CryptoLibrary> library, const DeviceMaker& make_device,
           const FairQueue::Options& queue, std::chrono::milliseconds probe_interval);

  void Do(DeviceQueue::Turn turn);
  template <typename Result, typename Attempt>
  void DoOnce(DeviceQueue::Turn& turn, Attempt attempt);
  absl::StatusOr<KeyDevice::Signed> Sign(const DeviceQueue::Turn& turn);
  absl::Status Unlock(const DeviceQueue::Turn& turn, const UnlockRequest& request);
  void CheckPending();
  void SignAgain(DeviceQueue::Turn turn);
  bool IsGood(const DeviceQueue::Turn& turn, const KeyDevice::Signed& result) const;
  void Release(DeviceQueue::Turn& turn, KeyDevice::Signed result);
  bool Pause(std::chrono::milliseconds time, const DeviceQueue::Turn& turn);
  void Recover(Recovery recovery, const absl::Status& failure);
  void Note(const absl::Status& status);
  void Probe();

  const int stop_fd_;
  const std::chrono::milliseconds probe_interval_;
  const std::unique_ptr<CryptoLibrary> library_;
  DeviceMonitor monitor_;
  std::atomic<bool> stopped_ = false;
  std::atomic<uint64_t> signatures_ = 0;
  DeviceQueue queue_;
  const std::unique_ptr<KeyDevice> device_;
  std::optional<Unchecked> pending_;
  // Works whose signature was wrong.
  std::vector<DeviceQueue::Turn> wrong_;
  bool well_ = false;
  // Room that was made in the TPM since something last worked.
  unsigned evictions_ = 0;
  Backoff probe_backoff_;
  DeviceQueue::Time next_probe_;
  // When a TPM that is never idle is looked after.
  DeviceQueue::Time next_look_;
};

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_TPM_OWNER_H_
