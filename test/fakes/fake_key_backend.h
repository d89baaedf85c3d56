#ifndef TEST_FAKES_FAKE_KEY_BACKEND_H_
#define TEST_FAKES_FAKE_KEY_BACKEND_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/device_queue.h"
#include "daemon/backend/key_backend.h"

namespace ddskey::test {

// FakeDevice is where the keys of FakeKeyBackends live: in memory, for as long as somebody holds it.
class FakeDevice;
std::shared_ptr<FakeDevice> MakeFakeDevice();

// FakeKeyBackend is a KeyBackend for tests: real keys and signatures of OpenSSL behind the real queue, one owner
// thread, and a device that does what the test says. Replies are not rate-limited unless `queue` says so.
class FakeKeyBackend : public KeyBackend {
 public:
  static FairQueue::Options WithoutRateLimit();

  explicit FakeKeyBackend(std::shared_ptr<FakeDevice> device = MakeFakeDevice(),
                          const FairQueue::Options& queue = WithoutRateLimit());
  ~FakeKeyBackend() override;

  // Hold lets work wait in the queue, as behind a busy device, where it expires and can be cancelled, until Release.
  void Hold();
  void Release();
  // SetDelay makes each work take at least so long on the device.
  void SetDelay(std::chrono::milliseconds delay);
  // FailNext makes the next `count` works fail with `error` instead of being done.
  void FailNext(const absl::Status& error, int count = 1);
  // SetProblem makes Health unhealthy with this sentence; empty makes it healthy again. Work goes on all the same.
  void SetProblem(std::string problem);
  // signatures is the number of signatures made.
  uint64_t signatures() const { return signatures_; }

  WorkId SubmitCreate(KeyAlgorithm algorithm, KeyPurpose purpose, WorkOptions options, CreateDone done) override;
  WorkId SubmitSign(SealedKey key, SignatureScheme scheme, std::string digest, WorkOptions options,
                    SignDone done) override;
  void Cancel(WorkId work) override;
  Recognition Recognize(std::string_view blob) const override;
  std::string kind() const override { return "fake"; }
  std::vector<KeyAlgorithm> algorithms() const override;
  std::string protection() const override;
  BackendHealth Health() const override;

 private:
  void Own();
  void Do(DeviceQueue::Turn& turn);

  const std::shared_ptr<FakeDevice> device_;
  mutable std::mutex mutex_;
  std::condition_variable closing_;
  bool closed_ = false;
  std::chrono::milliseconds delay_{0};
  std::deque<absl::Status> failures_;
  std::string problem_;
  std::atomic<uint64_t> signatures_ = 0;
  DeviceQueue queue_;
  std::thread owner_;
};

}  // namespace ddskey::test

#endif  // TEST_FAKES_FAKE_KEY_BACKEND_H_
