#include "daemon/backend/tpm2/tpm_backend.h"

#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/derive_secret.h"
#include "daemon/backend/key_work.h"
#include "daemon/backend/tpm2/key_blob.h"
#include "daemon/backend/tpm2/root_trust.h"
#include "daemon/backend/tpm2/session_crypto.h"
#include "daemon/backend/tpm2/tcti_name.h"
#include "daemon/backend/tpm2/tpm_device.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr std::chrono::seconds kGrace{2};

std::string ProtectionUnder(const std::string& secret_origin) {
  return absl::StrCat(
      "Keys are made in the TPM and cannot be copied from it by anybody: a stolen key store or disk is useless on "
      "other "
      "machines; but on this machine, while they can, root and whoever has both the use of the TPM and the key store",
      secret_origin.empty() ? "" : " and ", secret_origin, " can sign with them.");
}

std::string WaitsFor(const std::vector<AuthKind>& missing) {
  std::string names;
  for (const AuthKind kind : missing) {
    const std::string_view name = AuthKindName(kind);
    absl::StrAppend(&names, names.empty() ? "" : ", ", absl::string_view(name.data(), name.size()));
  }
  return absl::StrCat("the backend waits for an authorisation value (", names,
                      "); give it with: ddskeyctl backend unlock");
}

}  // namespace

absl::StatusOr<std::unique_ptr<TpmBackend>> TpmBackend::Create(Options options) {
  ASSIGN_OR_RETURN(std::string tcti, tpm::LoaderString(options.tcti));
  return CreateOn(tpm::LoaderOpener(std::move(tcti)), std::move(options));
}

absl::StatusOr<std::unique_ptr<TpmBackend>> TpmBackend::CreateOn(tpm::TctiOpener opener, Options options) {
  ASSIGN_OR_RETURN(std::unique_ptr<CryptoLibrary> library, CryptoLibrary::Create());
  ASSIGN_OR_RETURN(tpm::RootTrust trust, tpm::RootTrust::Parse(options.storage_root_name));
  std::set<std::string> secret_ids;
  for (const std::string& octets : options.blobs) {
    // One that is damaged says so when it is used.
    const auto blob = tpm::ParseBlob(octets);
    if (!blob.ok()) continue;
    trust.Know(blob->parent);
    if (blob->has_auth) secret_ids.insert(blob->secret_id);
  }
  std::optional<tpm::AuthSecret> secret;
  std::string origin;
  if (options.auth_secret.has_value()) {
    origin = options.auth_secret->origin;
    ASSIGN_OR_RETURN(std::string id, SecretId(*library, options.auth_secret->value));
    secret.emplace(tpm::AuthSecret{std::move(options.auth_secret->value), std::move(id)});
  }
  ASSIGN_OR_RETURN(std::unique_ptr<tpm::SessionCrypto> crypto, tpm::SessionCrypto::Create(*library));
  tpm::DeviceSetup setup{std::move(secret), std::move(options.parent_auth),
                         std::move(trust),  std::move(options.endorsement_auth),
                         std::move(origin), std::move(secret_ids)};
  const CryptoLibrary& used = *library;
  const auto make_device = [&](tpm::DeviceMonitor& monitor, int stop_fd) {
    return std::make_unique<tpm::TpmDevice>(std::move(opener), used, std::move(crypto), std::move(setup), monitor,
                                            stop_fd);
  };
  ASSIGN_OR_RETURN(std::shared_ptr<tpm::TpmOwner> owner,
                   tpm::TpmOwner::Create(std::move(library), make_device, options.queue, options.probe_interval));
  return std::unique_ptr<TpmBackend>(new TpmBackend(std::move(owner)));
}

TpmBackend::TpmBackend(std::shared_ptr<tpm::TpmOwner> owner) : owner_(std::move(owner)) {
  std::promise<void> finished;
  finished_ = finished.get_future();
  thread_ = std::thread([owner = owner_, finished = std::move(finished)]() mutable {
    owner->Run();
    finished.set_value();
  });
}

TpmBackend::~TpmBackend() {
  owner_->Stop();
  if (finished_.wait_for(kGrace) == std::future_status::ready) {
    thread_.join();
  } else {
    thread_.detach();
  }
  owner_->queue().Abandon();
}

KeyBackend::WorkId TpmBackend::SubmitCreate(KeyAlgorithm algorithm, KeyPurpose purpose, WorkOptions options,
                                            CreateDone done) {
  return Submit({algorithm, purpose, std::nullopt}, std::move(options), std::move(done));
}

KeyBackend::WorkId TpmBackend::SubmitCreateBound(KeyAlgorithm algorithm, KeyPurpose purpose, PcrTerms terms,
                                                 WorkOptions options, CreateDone done) {
  return Submit({algorithm, purpose, std::move(terms)}, std::move(options), std::move(done));
}

KeyBackend::WorkId TpmBackend::Submit(CreateRequest request, WorkOptions options, CreateDone done) {
  if (const absl::Status check = CheckCreate(request); !check.ok()) {
    done(check);
    return 0;
  }
  return owner_->queue().Submit(std::move(request), std::move(options), std::move(done));
}

KeyBackend::WorkId TpmBackend::SubmitApprove(SealedKey key, PcrApproval approval, WorkOptions options,
                                             CreateDone done) {
  return owner_->queue().Submit(ApproveRequest{std::move(key), std::move(approval)}, std::move(options),
                                std::move(done));
}

std::string TpmBackend::KeyProblem(std::string_view public_key) const {
  return owner_->monitor().key_problem(std::string(public_key));
}

KeyBackend::WorkId TpmBackend::SubmitImport(ForeignKey key, KeyPurpose purpose, WorkOptions options, CreateDone done) {
  ImportRequest request{std::move(key), purpose};
  absl::Status check = CheckImport(request);
  if (check.ok() && !request.key.token_label.empty()) {
    check = absl::UnimplementedError("a key with a label can be used by the backend of its PKCS#11 token only");
  }
  if (!check.ok()) {
    done(check);
    return 0;
  }
  return owner_->queue().Submit(std::move(request), std::move(options), std::move(done));
}

KeyBackend::WorkId TpmBackend::SubmitExport(SealedKey key, std::shared_ptr<const SecretBytes> auth, WorkOptions options,
                                            ExportDone done) {
  ExportRequest request{std::move(key), std::move(auth)};
  if (const absl::Status check = CheckExport(request); !check.ok()) {
    done(check);
    return 0;
  }
  return owner_->queue().Submit(std::move(request), std::move(options), std::move(done));
}

KeyBackend::WorkId TpmBackend::SubmitSign(SealedKey key, SignatureScheme scheme, std::string digest,
                                          WorkOptions options, SignDone done) {
  SignRequest request{std::move(key), scheme, std::move(digest)};
  if (const absl::Status check = CheckSign(request); !check.ok()) {
    done(check);
    return 0;
  }
  return owner_->queue().Submit(std::move(request), std::move(options), std::move(done));
}

KeyBackend::WorkId TpmBackend::SubmitAttest(AttestRequest request, WorkOptions options, AttestDone done) {
  if (const absl::Status check = CheckAttest(request); !check.ok()) {
    done(check);
    return 0;
  }
  return owner_->queue().Submit(std::move(request), std::move(options), std::move(done));
}

KeyBackend::WorkId TpmBackend::SubmitActivate(ActivateRequest request, WorkOptions options, ActivateDone done) {
  if (const absl::Status check = CheckActivate(request); !check.ok()) {
    done(check);
    return 0;
  }
  return owner_->queue().Submit(std::move(request), std::move(options), std::move(done));
}

KeyBackend::WorkId TpmBackend::SubmitUnlock(AuthKind kind, std::shared_ptr<const SecretBytes> value,
                                            WorkOptions options, UnlockDone done) {
  // The longest that the TPM takes; a secret of keys is hashed.
  constexpr size_t kLongestValue = 64;
  if (kind == AuthKind::kPin) {
    done(absl::UnimplementedError("a TPM has no PIN; only the backend of a PKCS#11 token waits for one"));
    return 0;
  }
  if (value == nullptr || (kind != AuthKind::kKeys && value->size() > kLongestValue)) {
    done(absl::InvalidArgumentError(absl::StrCat("an authorisation value has 1 to ", kLongestValue, " octets")));
    return 0;
  }
  return owner_->queue().Submit(UnlockRequest{kind, std::move(value)}, std::move(options), std::move(done));
}

std::string TpmBackend::protection() const { return ProtectionUnder(owner_->monitor().secret_origin()); }

void TpmBackend::Cancel(WorkId work) { owner_->queue().Cancel(work); }

Recognition TpmBackend::Recognize(std::string_view blob) const {
  const auto parsed = tpm::ParseBlob(blob);
  return parsed.ok() ? owner_->Recognize(tpm::ParentKeys::Octets(parsed->parent)) : Recognition::kForeign;
}

std::vector<KeyAlgorithm> TpmBackend::algorithms() const { return owner_->monitor().algorithms(); }

BackendHealth TpmBackend::Health() const {
  std::string problem = owner_->monitor().problem();
  std::vector<AuthKind> missing = owner_->monitor().missing();
  if (problem.empty() && !missing.empty()) problem = WaitsFor(missing);
  DeviceQueue& queue = owner_->queue();
  return {problem.empty(),
          problem,
          owner_->monitor().device(),
          queue.size(),
          queue.capacity(),
          owner_->signatures(),
          std::move(missing),
          owner_->monitor().warning(),
          queue.counts(),
          owner_->monitor().outages(),
          owner_->Stalled()};
}

}  // namespace ddskey
