#ifndef DAEMON_BACKEND_PKCS11_PKCS11_BACKEND_H_
#define DAEMON_BACKEND_PKCS11_PKCS11_BACKEND_H_

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/backend/fair_queue.h"
#include "daemon/backend/key_backend.h"
#include "daemon/backend/pkcs11/token.h"
#include "daemon/backend/pkcs11/token_owner.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey {

// Pkcs11Backend is a KeyBackend whose keys are in a PKCS#11 token: an HSM, a smart card, or a trusted application of a
// TEE. They are made there, not extractable; or were there before, and are adopted by their label (ForeignKey). See
// TokenOwner for how the token is used, and TokenBlob for what is stored of a key. The token may be away, also at the
// start: works wait for it until their deadline, Health says what is wrong, and it is found again by itself.
//
// Keys of no identity any more stay in the token: they are removed with its own tools (docs/keys.md).
class Pkcs11Backend : public KeyBackend {
 public:
  struct Options {
    // Of the token's user, 1 to 255 octets; null if it is to be given with SubmitUnlock, or the token needs none.
    std::shared_ptr<const SecretBytes> pin;
    FairQueue::Options queue;
    // How often the token is looked after, for Health; zero: only while it is away.
    std::chrono::milliseconds probe_interval{5000};
    // How long opening it may take.
    std::chrono::milliseconds open_timeout{10000};
  };

  // Create does not wait for the token. INVALID_ARGUMENT for a PIN that is too long.
  static absl::StatusOr<std::unique_ptr<Pkcs11Backend>> Create(std::unique_ptr<pkcs11::Token> token, Options options);

  WorkId SubmitCreate(KeyAlgorithm algorithm, KeyPurpose purpose, WorkOptions options, CreateDone done) override;
  WorkId SubmitImport(ForeignKey key, KeyPurpose purpose, WorkOptions options, CreateDone done) override;
  WorkId SubmitUnlock(AuthKind kind, std::shared_ptr<const SecretBytes> value, WorkOptions options,
                      UnlockDone done) override;
  WorkId SubmitSign(SealedKey key, SignatureScheme scheme, std::string digest, WorkOptions options,
                    SignDone done) override;
  void Cancel(WorkId work) override;
  Recognition Recognize(std::string_view blob) const override;
  std::string KeyProblem(std::string_view public_key) const override;
  std::string kind() const override { return "pkcs11"; }
  std::vector<KeyAlgorithm> algorithms() const override;
  std::string protection() const override;
  BackendHealth Health() const override;

 private:
  explicit Pkcs11Backend(std::unique_ptr<pkcs11::TokenOwner> owner) : owner_(std::move(owner)) {}

  const std::unique_ptr<pkcs11::TokenOwner> owner_;
};

}  // namespace ddskey

#endif  // DAEMON_BACKEND_PKCS11_PKCS11_BACKEND_H_
