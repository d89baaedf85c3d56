#include "daemon/backend/software/software_backend.h"

#include <openssl/crypto.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/backend/key_work.h"
#include "daemon/backend/private_key.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr int kSigners = 2;

std::string ProtectionUnder(const HostSecret& secret) {
  return absl::StrCat("Keys are stored encrypted under ", secret.origin, ": a copy of the key store without ",
                      secret.is_credential ? "that credential" : "that file",
                      " is useless, but root on this machine, whoever has both, and whoever can read the daemon's "
                      "memory have the keys.");
}

}  // namespace

absl::StatusOr<std::unique_ptr<SoftwareBackend>> SoftwareBackend::Create(HostSecret secret, const Options& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<CryptoLibrary> library, CryptoLibrary::Create());
  std::string protection = ProtectionUnder(secret);
  ASSIGN_OR_RETURN(std::unique_ptr<software::KeySealer> sealer,
                   software::KeySealer::Create(*library, std::move(secret.value)));
  return std::unique_ptr<SoftwareBackend>(
      new SoftwareBackend(std::move(library), std::move(sealer), std::move(protection), options));
}

SoftwareBackend::SoftwareBackend(std::unique_ptr<CryptoLibrary> library, std::unique_ptr<software::KeySealer> sealer,
                                 std::string protection, const Options& options)
    : library_(std::move(library)),
      sealer_(std::move(sealer)),
      protection_(std::move(protection)),
      rations_replies_(options.queue.replies_per_second > 0),
      cache_(options.cached_keys),
      sign_queue_(options.queue),
      create_queue_(options.queue) {
  for (int i = 0; i < kSigners; ++i) threads_.emplace_back([this] { Serve(sign_queue_); });
  threads_.emplace_back([this] { Serve(create_queue_); });
}

SoftwareBackend::~SoftwareBackend() {
  sign_queue_.Close();
  create_queue_.Close();
  for (std::thread& thread : threads_) thread.join();
}

// Callers see the numbers of works tripled, plus one for creations and two for what was done at once.
KeyBackend::WorkId SoftwareBackend::SubmitCreate(KeyAlgorithm algorithm, KeyPurpose purpose, WorkOptions options,
                                                 CreateDone done) {
  const CreateRequest request{algorithm, purpose};
  if (const absl::Status check = CheckCreate(request); !check.ok()) {
    done(check);
    return 0;
  }
  return create_queue_.Submit(request, std::move(options), std::move(done)) * 3 + 1;
}

KeyBackend::WorkId SoftwareBackend::SubmitImport(ForeignKey key, KeyPurpose purpose, WorkOptions options,
                                                 CreateDone done) {
  ImportRequest request{std::move(key), purpose};
  absl::Status check = CheckImport(request);
  if (check.ok() && request.key.private_key == nullptr) {
    check =
        absl::UnimplementedError("a key that is in a TPM or a token can be used by the backend of that device only");
  }
  if (!check.ok()) {
    done(check);
    return 0;
  }
  return create_queue_.Submit(std::move(request), std::move(options), std::move(done)) * 3 + 1;
}

KeyBackend::WorkId SoftwareBackend::SubmitSign(SealedKey key, SignatureScheme scheme, std::string digest,
                                               WorkOptions options, SignDone done) {
  SignRequest request{std::move(key), scheme, std::move(digest)};
  if (const absl::Status check = CheckSign(request); !check.ok()) {
    done(check);
    return 0;
  }
  const bool is_rationed = rations_replies_ && options.work_class == WorkClass::kReply && !options.fairness.empty();
  if (request.key.algorithm != KeyAlgorithm::kEcP256 || is_rationed) {
    return sign_queue_.Submit(std::move(request), std::move(options), std::move(done)) * 3;
  }
  const WorkId id = ++done_at_once_ * 3 + 2;
  const auto began = std::chrono::steady_clock::now();
  if (const absl::Status check = CheckOptions(options, began); !check.ok()) {
    done(check);
    return id;
  }
  absl::StatusOr<Signature> signature = Sign(request);
  {
    const std::lock_guard lock(at_once_mutex_);
    at_once_.Add(std::chrono::steady_clock::now() - began);
  }
  done(std::move(signature));
  return id;
}

void SoftwareBackend::Cancel(WorkId work) {
  if (work % 3 == 0) sign_queue_.Cancel(work / 3);
  if (work % 3 == 1) create_queue_.Cancel(work / 3);
}

std::vector<KeyAlgorithm> SoftwareBackend::algorithms() const { return {kAllAlgorithms.begin(), kAllAlgorithms.end()}; }

BackendHealth SoftwareBackend::Health() const {
  WorkCounts work = sign_queue_.counts();
  const WorkCounts created = create_queue_.counts();
  work.waiting += created.waiting;
  work.busy += created.busy;
  work.rejected += created.rejected;
  work.expired += created.expired;
  work.running += created.running;
  const std::lock_guard lock(at_once_mutex_);
  work.signing += at_once_;
  work.busy += at_once_.sum;
  return {true,
          "",
          absl::StrCat("OpenSSL ", OpenSSL_version(OPENSSL_VERSION_STRING)),
          sign_queue_.size() + create_queue_.size(),
          sign_queue_.capacity(),
          signatures_,
          {},
          "",
          work,
          0,
          std::max(sign_queue_.Stalled(), create_queue_.Stalled())};
}

void SoftwareBackend::Serve(DeviceQueue& queue) {
  while (!queue.closed()) {
    auto turn = queue.Take();
    if (!turn.has_value()) continue;
    if (const auto* create = std::get_if<CreateRequest>(&turn->request())) {
      turn->Finish(Make(*create));
    } else if (const auto* import = std::get_if<ImportRequest>(&turn->request())) {
      turn->Finish(Import(*import));
    } else {
      turn->Finish(Sign(std::get<SignRequest>(turn->request())));
    }
  }
}

absl::StatusOr<SealedKey> SoftwareBackend::Make(const CreateRequest& request) const {
  ASSIGN_OR_RETURN(const EvpKey key, library_->Generate(request.algorithm));
  return sealer_->Seal(*key, request.algorithm, request.purpose);
}

absl::StatusOr<SealedKey> SoftwareBackend::Import(const ImportRequest& request) const {
  ASSIGN_OR_RETURN(const PrivateKey key, ParsePrivateKey(*library_, *request.key.private_key));
  return sealer_->Seal(*key.key, key.algorithm, request.purpose);
}

absl::StatusOr<Signature> SoftwareBackend::Sign(const SignRequest& request) {
  EvpKey key = cache_.Find(request.key);
  if (key == nullptr) {
    ASSIGN_OR_RETURN(key, sealer_->Unseal(request.key));
    cache_.Put(request.key, *key);
  }
  ASSIGN_OR_RETURN(Signature signature, library_->Sign(*key, request.scheme, request.digest));
  ++signatures_;
  return signature;
}

}  // namespace ddskey
