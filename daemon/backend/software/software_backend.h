#ifndef DAEMON_BACKEND_SOFTWARE_SOFTWARE_BACKEND_H_
#define DAEMON_BACKEND_SOFTWARE_SOFTWARE_BACKEND_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/device_queue.h"
#include "daemon/backend/fair_queue.h"
#include "daemon/backend/key_backend.h"
#include "daemon/backend/key_cache.h"
#include "daemon/backend/secret_source.h"
#include "daemon/backend/software/key_sealer.h"
#include "daemon/backend/work_counts.h"

namespace ddskey {

// SoftwareBackend is a KeyBackend for a machine without a key device. Keys are made and used by OpenSSL in this
// process, and stored encrypted under a secret of the installation. Two threads sign; a third makes keys, so that an
// RSA key in the making delays no signature. A signature on P-256 takes less time than waking a thread for it, so it is
// made, and completed, on the caller's thread before SubmitSign returns, unless the rate of replies (S-6) is limited.
//
// Opened keys stay in memory in the clear while they are among the `cached_keys` used last. See KeySealer for where;
// a process that wants them in locked memory calls CRYPTO_secure_malloc_init before Create.
class SoftwareBackend : public KeyBackend {
 public:
  struct Options {
    FairQueue::Options queue;
    size_t cached_keys = 256;
  };

  // Create takes the secret that LoadSecret returned.
  static absl::StatusOr<std::unique_ptr<SoftwareBackend>> Create(HostSecret secret, const Options& options);

  // The destructor finishes what has begun, at most the making of one key.
  ~SoftwareBackend() override;

  WorkId SubmitCreate(KeyAlgorithm algorithm, KeyPurpose purpose, WorkOptions options, CreateDone done) override;
  WorkId SubmitImport(ForeignKey key, KeyPurpose purpose, WorkOptions options, CreateDone done) override;
  WorkId SubmitSign(SealedKey key, SignatureScheme scheme, std::string digest, WorkOptions options,
                    SignDone done) override;
  void Cancel(WorkId work) override;
  Recognition Recognize(std::string_view blob) const override {
    return sealer_->IsOwn(blob) ? Recognition::kOwn : Recognition::kForeign;
  }
  std::string kind() const override { return "software"; }
  std::vector<KeyAlgorithm> algorithms() const override;
  std::string protection() const override { return protection_; }
  BackendHealth Health() const override;

 private:
  SoftwareBackend(std::unique_ptr<CryptoLibrary> library, std::unique_ptr<software::KeySealer> sealer,
                  std::string protection, const Options& options);

  void Serve(DeviceQueue& queue);
  absl::StatusOr<SealedKey> Make(const CreateRequest& request) const;
  absl::StatusOr<SealedKey> Import(const ImportRequest& request) const;
  absl::StatusOr<Signature> Sign(const SignRequest& request);

  const std::unique_ptr<CryptoLibrary> library_;
  const std::unique_ptr<software::KeySealer> sealer_;
  const std::string protection_;
  const bool rations_replies_;
  KeyCache cache_;
  std::atomic<uint64_t> signatures_ = 0;
  // Signatures made without the queue, on their callers' threads.
  mutable std::mutex at_once_mutex_;
  DurationCounts at_once_;
  std::atomic<WorkId> done_at_once_ = 0;
  DeviceQueue sign_queue_;
  DeviceQueue create_queue_;
  std::vector<std::thread> threads_;
};

}  // namespace ddskey

#endif  // DAEMON_BACKEND_SOFTWARE_SOFTWARE_BACKEND_H_
