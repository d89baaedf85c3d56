#include "daemon/backend/tpm2/tpm_backend.h"

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

std::string ProtectionUnder(const std::optional<HostSecret>& secret) {
  return absl::StrCat(
      "Keys are made in the TPM and cannot be copied from it by anybody: a stolen key store or disk is useless on "
      "other "
      "machines; but on this machine, while they can, root and whoever has both the use of the TPM and the key store",
      secret.has_value() ? absl::StrCat(" and ", secret->origin) : "", " can sign with them.");
}

}  // namespace

absl::StatusOr<std::unique_ptr<TpmBackend>> TpmBackend::Create(Options options) {
  ASSIGN_OR_RETURN(std::string tcti, tpm::LoaderString(options.tcti));
  return CreateOn(tpm::LoaderOpener(std::move(tcti)), std::move(options));
}

absl::StatusOr<std::unique_ptr<TpmBackend>> TpmBackend::CreateOn(tpm::TctiOpener opener, Options options) {
  ASSIGN_OR_RETURN(std::unique_ptr<CryptoLibrary> library, CryptoLibrary::Create());
  std::string protection = ProtectionUnder(options.auth_secret);
  ASSIGN_OR_RETURN(tpm::RootTrust trust, tpm::RootTrust::Parse(options.storage_root_name));
  for (const std::string& octets : options.blobs) {
    // One that is damaged says so when it is used.
    if (const auto blob = tpm::ParseBlob(octets); blob.ok()) trust.Know(blob->parent);
  }
  std::optional<tpm::AuthSecret> secret;
  if (options.auth_secret.has_value()) {
    ASSIGN_OR_RETURN(std::string id, SecretId(*library, options.auth_secret->value));
    secret.emplace(tpm::AuthSecret{std::move(options.auth_secret->value), std::move(id)});
  }
  ASSIGN_OR_RETURN(std::unique_ptr<tpm::SessionCrypto> crypto, tpm::SessionCrypto::Create(*library));
  tpm::DeviceSetup setup{std::move(secret), std::move(options.parent_auth), std::move(trust),
                         std::move(options.endorsement_auth)};
  const CryptoLibrary& used = *library;
  const auto make_device = [&](tpm::DeviceMonitor& monitor, int stop_fd) {
    return std::make_unique<tpm::TpmDevice>(std::move(opener), used, std::move(crypto), std::move(setup), monitor,
                                            stop_fd);
  };
  ASSIGN_OR_RETURN(std::shared_ptr<tpm::TpmOwner> owner,
                   tpm::TpmOwner::Create(std::move(library), make_device, options.queue, options.probe_interval));
  return std::unique_ptr<TpmBackend>(new TpmBackend(std::move(owner), std::move(protection)));
}

TpmBackend::TpmBackend(std::shared_ptr<tpm::TpmOwner> owner, std::string protection)
    : owner_(std::move(owner)), protection_(std::move(protection)) {
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
  const CreateRequest request{algorithm, purpose};
  if (const absl::Status check = CheckCreate(request); !check.ok()) {
    done(check);
    return 0;
  }
  return owner_->queue().Submit(request, std::move(options), std::move(done));
}

KeyBackend::WorkId TpmBackend::SubmitImport(ForeignKey key, KeyPurpose purpose, WorkOptions options, CreateDone done) {
  ImportRequest request{std::move(key), purpose};
  if (const absl::Status check = CheckImport(request); !check.ok()) {
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

void TpmBackend::Cancel(WorkId work) { owner_->queue().Cancel(work); }

Recognition TpmBackend::Recognize(std::string_view blob) const {
  const auto parsed = tpm::ParseBlob(blob);
  return parsed.ok() ? owner_->Recognize(tpm::ParentKeys::Octets(parsed->parent)) : Recognition::kForeign;
}

std::vector<KeyAlgorithm> TpmBackend::algorithms() const { return owner_->monitor().algorithms(); }

BackendHealth TpmBackend::Health() const {
  const std::string problem = owner_->monitor().problem();
  DeviceQueue& queue = owner_->queue();
  return {problem.empty(),
          problem,
          owner_->monitor().device(),
          queue.size(),
          queue.capacity(),
          owner_->signatures(),
          owner_->monitor().warning()};
}

}  // namespace ddskey
