#ifndef DAEMON_BACKEND_LATE_BACKEND_H_
#define DAEMON_BACKEND_LATE_BACKEND_H_

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/backend/key_backend.h"

namespace ddskey {

// LateBackend stands in the place of a backend that could not be opened, so that the others are served, until it can
// be: whoever uses it, or asks for its health, has it tried again. Until then it is not healthy and says why, and all
// work is UNAVAILABLE.
class LateBackend : public KeyBackend {
 public:
  using Opener = std::function<absl::StatusOr<std::unique_ptr<KeyBackend>>()>;

  // `open` makes the backend, of `kind`, and must not take long. It is called now, and then at most once in `interval`.
  LateBackend(std::string kind, Opener open, std::chrono::milliseconds interval = std::chrono::seconds(1));

  WorkId SubmitCreate(KeyAlgorithm algorithm, KeyPurpose purpose, WorkOptions options, CreateDone done) override;
  WorkId SubmitSign(SealedKey key, SignatureScheme scheme, std::string digest, WorkOptions options,
                    SignDone done) override;
  WorkId SubmitImport(ForeignKey key, KeyPurpose purpose, WorkOptions options, CreateDone done) override;
  WorkId SubmitExport(SealedKey key, std::shared_ptr<const SecretBytes> auth, WorkOptions options,
                      ExportDone done) override;
  WorkId SubmitCreateBound(KeyAlgorithm algorithm, KeyPurpose purpose, PcrTerms terms, WorkOptions options,
                           CreateDone done) override;
  WorkId SubmitApprove(SealedKey key, PcrApproval approval, WorkOptions options, CreateDone done) override;
  WorkId SubmitUnlock(AuthKind kind, std::shared_ptr<const SecretBytes> value, WorkOptions options,
                      UnlockDone done) override;
  void Cancel(WorkId work) override;
  Attester* attester() override;
  Recognition Recognize(std::string_view blob) const override;
  std::string KeyProblem(std::string_view public_key) const override;
  std::string kind() const override { return kind_; }
  std::vector<KeyAlgorithm> algorithms() const override;
  std::string protection() const override;
  BackendHealth Health() const override;

  // Stalled is how long the backend has stalled, for who must not wait: it opens nothing, and is zero while the backend
  // is not there or somebody opens it.
  std::chrono::steady_clock::duration Stalled() const;

 private:
  // Find opens the backend if need be; null, and `problem` unless that is null, if it cannot be.
  KeyBackend* Find(std::string* problem = nullptr) const;
  // Forward has `submit` give work to the backend, or completes it.
  template <typename Done, typename Submit>
  WorkId Forward(const Done& done, const Submit& submit) const;

  const std::string kind_;
  const Opener open_;
  const std::chrono::milliseconds interval_;
  mutable std::mutex mutex_;
  // Once it is there it stays.
  mutable std::unique_ptr<KeyBackend> backend_;
  mutable std::string problem_;
  mutable std::chrono::steady_clock::time_point next_;
};

}  // namespace ddskey

#endif  // DAEMON_BACKEND_LATE_BACKEND_H_
