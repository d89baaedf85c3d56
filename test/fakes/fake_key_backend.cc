#include "test/fakes/fake_key_backend.h"

#include <map>
#include <optional>
#include <utility>

#include "proto/contract/status_macros.h"

namespace ddskey::test {

// Blobs are names of keys: "fake key 1" and so on, with the number of the device before, so that the blob of another
// device is unknown here.
class FakeDevice {
 public:
  FakeDevice() : library_(*CryptoLibrary::Create()) {}

  absl::StatusOr<SealedKey> Create(const CreateRequest& request) {
    ASSIGN_OR_RETURN(EvpKey key, library_->Generate(request.algorithm));
    ASSIGN_OR_RETURN(std::string public_key, library_->PublicKeyInfo(*key));
    SealedKey sealed{request.algorithm, request.purpose, "", std::move(public_key)};
    const std::lock_guard lock(mutex_);
    // The public key makes the name unique among devices.
    sealed.blob =
        "fake key " + std::to_string(keys_.size()) + " " + sealed.public_key.substr(sealed.public_key.size() - 48);
    keys_.emplace(sealed.blob, Key{sealed, std::move(key)});
    return sealed;
  }

  absl::StatusOr<Signature> Sign(const SignRequest& request) {
    ASSIGN_OR_RETURN(EVP_PKEY * key, Find(request.key));
    return library_->Sign(*key, request.scheme, request.digest);
  }

  bool Has(std::string_view blob) const {
    const std::lock_guard lock(mutex_);
    return keys_.contains(std::string(blob));
  }

 private:
  struct Key {
    SealedKey sealed;
    EvpKey key;
  };

  absl::StatusOr<EVP_PKEY*> Find(const SealedKey& sealed) {
    const std::lock_guard lock(mutex_);
    const auto found = keys_.find(sealed.blob);
    if (found == keys_.end() || found->second.sealed.algorithm != sealed.algorithm ||
        found->second.sealed.purpose != sealed.purpose || found->second.sealed.public_key != sealed.public_key) {
      return absl::DataLossError("the fake device has no such key");
    }
    return found->second.key.get();
  }

  const std::unique_ptr<CryptoLibrary> library_;
  mutable std::mutex mutex_;
  std::map<std::string, Key> keys_;
};

std::shared_ptr<FakeDevice> MakeFakeDevice() { return std::make_shared<FakeDevice>(); }

FairQueue::Options FakeKeyBackend::WithoutRateLimit() {
  FairQueue::Options options;
  options.replies_per_second = 0;
  return options;
}

FakeKeyBackend::FakeKeyBackend(std::shared_ptr<FakeDevice> device, const FairQueue::Options& queue)
    : device_(std::move(device)), queue_(queue), owner_([this] { Own(); }) {}

FakeKeyBackend::~FakeKeyBackend() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  closing_.notify_all();
  queue_.Close();
  owner_.join();
}

void FakeKeyBackend::Hold() { queue_.SetPaused(true); }
void FakeKeyBackend::Release() { queue_.SetPaused(false); }

void FakeKeyBackend::SetDelay(std::chrono::milliseconds delay) {
  const std::lock_guard lock(mutex_);
  delay_ = delay;
}

void FakeKeyBackend::FailNext(const absl::Status& error, int count) {
  const std::lock_guard lock(mutex_);
  failures_.insert(failures_.end(), count, error);
}

void FakeKeyBackend::SetProblem(std::string problem) {
  const std::lock_guard lock(mutex_);
  problem_ = std::move(problem);
}

KeyBackend::WorkId FakeKeyBackend::SubmitCreate(KeyAlgorithm algorithm, KeyPurpose purpose, WorkOptions options,
                                                CreateDone done) {
  const CreateRequest request{algorithm, purpose};
  if (const absl::Status check = CheckCreate(request); !check.ok()) {
    done(check);
    return 0;
  }
  return queue_.Submit(request, std::move(options), std::move(done));
}

KeyBackend::WorkId FakeKeyBackend::SubmitSign(SealedKey key, SignatureScheme scheme, std::string digest,
                                              WorkOptions options, SignDone done) {
  SignRequest request{std::move(key), scheme, std::move(digest)};
  if (const absl::Status check = CheckSign(request); !check.ok()) {
    done(check);
    return 0;
  }
  return queue_.Submit(std::move(request), std::move(options), std::move(done));
}

void FakeKeyBackend::Cancel(WorkId work) { queue_.Cancel(work); }

Recognition FakeKeyBackend::Recognize(std::string_view blob) const {
  return device_->Has(blob) ? Recognition::kOwn : Recognition::kForeign;
}

std::vector<KeyAlgorithm> FakeKeyBackend::algorithms() const { return {kAllAlgorithms.begin(), kAllAlgorithms.end()}; }

std::string FakeKeyBackend::protection() const { return "Keys live in the memory of a test and are not protected."; }

BackendHealth FakeKeyBackend::Health() const {
  const std::lock_guard lock(mutex_);
  BackendHealth health{problem_.empty(), problem_, "fake device", queue_.size(), queue_.capacity(), signatures_};
  health.stalled = queue_.Stalled();
  return health;
}

void FakeKeyBackend::Own() {
  while (!queue_.closed()) {
    if (auto turn = queue_.Take(); turn.has_value()) Do(*turn);
  }
}

void FakeKeyBackend::Do(DeviceQueue::Turn& turn) {
  std::optional<absl::Status> failure;
  {
    std::unique_lock lock(mutex_);
    closing_.wait_for(lock, delay_, [this] { return closed_; });
    if (!failures_.empty()) {
      failure = failures_.front();
      failures_.pop_front();
    }
  }
  if (failure.has_value()) {
    turn.Fail(*failure);
  } else if (const auto* create = std::get_if<CreateRequest>(&turn.request())) {
    turn.Finish(device_->Create(*create));
  } else {
    auto signature = device_->Sign(std::get<SignRequest>(turn.request()));
    if (signature.ok()) ++signatures_;
    turn.Finish(std::move(signature));
  }
}

}  // namespace ddskey::test
