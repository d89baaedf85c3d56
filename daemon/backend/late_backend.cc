#include "daemon/backend/late_backend.h"

#include <utility>

#include "absl/status/status.h"

namespace ddskey {

LateBackend::LateBackend(std::string kind, Opener open, std::chrono::milliseconds interval)
    : kind_(std::move(kind)), open_(std::move(open)), interval_(interval) {
  Find();
}

KeyBackend* LateBackend::Find(std::string* problem) const {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (backend_ == nullptr && now >= next_) {
    auto opened = open_();
    if (opened.ok()) {
      backend_ = *std::move(opened);
    } else {
      problem_ = std::string(opened.status().message());
      next_ = now + interval_;
    }
  }
  if (backend_ == nullptr && problem != nullptr) *problem = problem_;
  return backend_.get();
}

template <typename Done, typename Submit>
KeyBackend::WorkId LateBackend::Forward(const Done& done, const Submit& submit) const {
  std::string problem;
  if (KeyBackend* const backend = Find(&problem); backend != nullptr) return submit(*backend);
  done(absl::UnavailableError(problem));
  return 0;
}

KeyBackend::WorkId LateBackend::SubmitCreate(KeyAlgorithm algorithm, KeyPurpose purpose, WorkOptions options,
                                             CreateDone done) {
  return Forward(done, [&](KeyBackend& backend) {
    return backend.SubmitCreate(algorithm, purpose, std::move(options), std::move(done));
  });
}

KeyBackend::WorkId LateBackend::SubmitSign(SealedKey key, SignatureScheme scheme, std::string digest,
                                           WorkOptions options, SignDone done) {
  return Forward(done, [&](KeyBackend& backend) {
    return backend.SubmitSign(std::move(key), scheme, std::move(digest), std::move(options), std::move(done));
  });
}

KeyBackend::WorkId LateBackend::SubmitImport(ForeignKey key, KeyPurpose purpose, WorkOptions options, CreateDone done) {
  return Forward(done, [&](KeyBackend& backend) {
    return backend.SubmitImport(std::move(key), purpose, std::move(options), std::move(done));
  });
}

KeyBackend::WorkId LateBackend::SubmitExport(SealedKey key, std::shared_ptr<const SecretBytes> auth,
                                             WorkOptions options, ExportDone done) {
  return Forward(done, [&](KeyBackend& backend) {
    return backend.SubmitExport(std::move(key), std::move(auth), std::move(options), std::move(done));
  });
}

KeyBackend::WorkId LateBackend::SubmitCreateBound(KeyAlgorithm algorithm, KeyPurpose purpose, PcrTerms terms,
                                                  WorkOptions options, CreateDone done) {
  return Forward(done, [&](KeyBackend& backend) {
    return backend.SubmitCreateBound(algorithm, purpose, std::move(terms), std::move(options), std::move(done));
  });
}

KeyBackend::WorkId LateBackend::SubmitApprove(SealedKey key, PcrApproval approval, WorkOptions options,
                                              CreateDone done) {
  return Forward(done, [&](KeyBackend& backend) {
    return backend.SubmitApprove(std::move(key), std::move(approval), std::move(options), std::move(done));
  });
}

KeyBackend::WorkId LateBackend::SubmitUnlock(AuthKind kind, std::shared_ptr<const SecretBytes> value,
                                             WorkOptions options, UnlockDone done) {
  return Forward(done, [&](KeyBackend& backend) {
    return backend.SubmitUnlock(kind, std::move(value), std::move(options), std::move(done));
  });
}

std::string LateBackend::KeyProblem(std::string_view public_key) const {
  const KeyBackend* const backend = Find();
  return backend == nullptr ? "" : backend->KeyProblem(public_key);
}

void LateBackend::Cancel(WorkId work) {
  if (KeyBackend* const backend = Find(); backend != nullptr) backend->Cancel(work);
}

Attester* LateBackend::attester() {
  KeyBackend* const backend = Find();
  return backend == nullptr ? nullptr : backend->attester();
}

Recognition LateBackend::Recognize(std::string_view blob) const {
  const KeyBackend* const backend = Find();
  return backend == nullptr ? Recognition::kUnknown : backend->Recognize(blob);
}

std::vector<KeyAlgorithm> LateBackend::algorithms() const {
  const KeyBackend* const backend = Find();
  return backend == nullptr ? std::vector<KeyAlgorithm>() : backend->algorithms();
}

std::string LateBackend::protection() const {
  const KeyBackend* const backend = Find();
  return backend == nullptr ? "Not known before the backend could be opened." : backend->protection();
}

BackendHealth LateBackend::Health() const {
  BackendHealth health;
  const KeyBackend* const backend = Find(&health.problem);
  return backend == nullptr ? health : backend->Health();
}

std::chrono::steady_clock::duration LateBackend::Stalled() const {
  const KeyBackend* backend = nullptr;
  if (const std::unique_lock lock(mutex_, std::try_to_lock); lock.owns_lock()) backend = backend_.get();
  if (backend == nullptr) return {};
  const BackendHealth health = backend->Health();
  return health.healthy ? health.stalled : std::chrono::steady_clock::duration::zero();
}

}  // namespace ddskey
