#include "daemon/backend/pkcs11/pkcs11_backend.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/key_work.h"
#include "daemon/backend/pkcs11/token_blob.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr size_t kLongestPin = 255;

absl::Status CheckPin(const SecretBytes& pin) {
  if (pin.size() >= 1 && pin.size() <= kLongestPin) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a PIN has 1 to ", kLongestPin, " octets"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pkcs11Backend>> Pkcs11Backend::Create(std::unique_ptr<pkcs11::Token> token,
                                                                     Options options) {
  if (options.pin != nullptr) RETURN_IF_ERROR(CheckPin(*options.pin));
  ASSIGN_OR_RETURN(std::unique_ptr<CryptoLibrary> library, CryptoLibrary::Create());
  pkcs11::TokenOwner::Options owned{std::move(options.pin), options.queue, options.probe_interval,
                                    options.open_timeout};
  return std::unique_ptr<Pkcs11Backend>(
      new Pkcs11Backend(std::make_unique<pkcs11::TokenOwner>(std::move(token), std::move(library), std::move(owned))));
}

KeyBackend::WorkId Pkcs11Backend::SubmitCreate(KeyAlgorithm algorithm, KeyPurpose purpose, WorkOptions options,
                                               CreateDone done) {
  CreateRequest request{algorithm, purpose};
  if (const absl::Status check = CheckCreate(request); !check.ok()) {
    done(check);
    return 0;
  }
  return owner_->queue().Submit(std::move(request), std::move(options), std::move(done));
}

KeyBackend::WorkId Pkcs11Backend::SubmitImport(ForeignKey key, KeyPurpose purpose, WorkOptions options,
                                               CreateDone done) {
  ImportRequest request{std::move(key), purpose};
  absl::Status check = CheckImport(request);
  if (check.ok() && request.key.token_label.empty()) {
    check = absl::UnimplementedError(
        "this backend puts no private keys into its token; do that with the token's own tools, and then: "
        "ddskeyctl key adopt NAME --label LABEL");
  }
  if (!check.ok()) {
    done(check);
    return 0;
  }
  return owner_->queue().Submit(std::move(request), std::move(options), std::move(done));
}

KeyBackend::WorkId Pkcs11Backend::SubmitUnlock(AuthKind kind, std::shared_ptr<const SecretBytes> value,
                                               WorkOptions options, UnlockDone done) {
  absl::Status check;
  if (kind != AuthKind::kPin) {
    check = absl::UnimplementedError("a PKCS#11 token waits for nothing but its PIN");
  } else if (value == nullptr) {
    check = absl::InvalidArgumentError("the PIN is empty");
  } else {
    check = CheckPin(*value);
  }
  if (!check.ok()) {
    done(check);
    return 0;
  }
  return owner_->queue().Submit(UnlockRequest{kind, std::move(value)}, std::move(options), std::move(done));
}

KeyBackend::WorkId Pkcs11Backend::SubmitSign(SealedKey key, SignatureScheme scheme, std::string digest,
                                             WorkOptions options, SignDone done) {
  SignRequest request{std::move(key), scheme, std::move(digest)};
  if (const absl::Status check = CheckSign(request); !check.ok()) {
    done(check);
    return 0;
  }
  return owner_->queue().Submit(std::move(request), std::move(options), std::move(done));
}

void Pkcs11Backend::Cancel(WorkId work) { owner_->queue().Cancel(work); }

Recognition Pkcs11Backend::Recognize(std::string_view blob) const {
  const auto parsed = pkcs11::ParseBlob(blob);
  if (!parsed.ok()) return Recognition::kForeign;
  const std::string identity = owner_->monitor().identity();
  if (identity.empty()) return Recognition::kUnknown;
  return parsed->token == identity ? Recognition::kOwn : Recognition::kForeign;
}

std::string Pkcs11Backend::KeyProblem(std::string_view public_key) const {
  return owner_->monitor().key_problem(std::string(public_key));
}

std::vector<KeyAlgorithm> Pkcs11Backend::algorithms() const { return owner_->monitor().algorithms(); }

std::string Pkcs11Backend::protection() const {
  return "Keys are made in the PKCS#11 token and are as safe as it is: the key store has none of them, nor has this "
         "process; but it has the PIN, and on this machine root, and whoever has the PIN and the use of the token, can "
         "sign with them.";
}

BackendHealth Pkcs11Backend::Health() const {
  const pkcs11::TokenMonitor& monitor = owner_->monitor();
  const std::string problem = monitor.problem();
  DeviceQueue& queue = owner_->queue();
  return {problem.empty(),      problem,           monitor.device(),  queue.size(),   queue.capacity(),
          owner_->signatures(), monitor.missing(), monitor.warning(), queue.counts(), monitor.outages(),
          owner_->Stalled()};
}

}  // namespace ddskey
