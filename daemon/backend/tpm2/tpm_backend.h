#ifndef DAEMON_BACKEND_TPM2_TPM_BACKEND_H_
#define DAEMON_BACKEND_TPM2_TPM_BACKEND_H_

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/backend/attester.h"
#include "daemon/backend/fair_queue.h"
#include "daemon/backend/key_backend.h"
#include "daemon/backend/key_work.h"
#include "daemon/backend/secret_source.h"
#include "daemon/backend/tpm2/parent_keys.h"
#include "daemon/backend/tpm2/tpm_connection.h"
#include "daemon/backend/tpm2/tpm_owner.h"
#include "proto/contract/pcr_binding.h"

namespace ddskey {

// TpmBackend is a KeyBackend whose keys are made in a TPM 2.0 and never leave it. One thread owns the TPM (see
// TpmOwner, and TpmDevice for how keys are stored and loaded). The TPM may be away, also at the start: works wait for
// it until their deadline, Health says what is wrong, and it is found again by itself.
//
// tpm2-tss writes errors to stderr by itself; a process that does not want that sets the environment variable TSS2_LOG
// to "all+NONE" before its first thread.
class TpmBackend : public KeyBackend, public Attester {
 public:
  struct Options {
    // See LoaderString for what is allowed.
    std::string tcti = "device:/dev/tpmrm0";
    // If given, what LoadSecret returned: keys made from then on have an authorisation value derived from it, and are
    // lost with it. Keys with an empty one go on working. See TpmDevice.
    std::optional<HostSecret> auth_secret;
    // Authorisation values of the TPM's owner hierarchy and of the storage root key at 0x81000001, if they have any.
    tpm::ParentAuth parent_auth;
    // Authorisation value of its endorsement hierarchy, if it has one.
    std::optional<SecretBytes> endorsement_auth;
    // Name of the storage root key that new keys are made under, in hexadecimal; see RootTrust for an empty one.
    std::string storage_root_name;
    // The keys that there are already, whose parents are trusted.
    std::vector<std::string> blobs;
    FairQueue::Options queue;
    // How often an idle TPM is asked whether it is there, for Health; zero for never.
    std::chrono::milliseconds probe_interval{5000};
  };

  // Create does not wait for the TPM. INVALID_ARGUMENT for a TCTI that is not allowed, and for a name that is none.
  static absl::StatusOr<std::unique_ptr<TpmBackend>> Create(Options options);

  // CreateOn is Create with a transmission interface of the caller's, for tests.
  static absl::StatusOr<std::unique_ptr<TpmBackend>> CreateOn(tpm::TctiOpener opener, Options options);

  // The destructor waits for a TPM that does not answer for two seconds at most; its thread is then left to itself.
  ~TpmBackend() override;

  WorkId SubmitCreate(KeyAlgorithm algorithm, KeyPurpose purpose, WorkOptions options, CreateDone done) override;
  WorkId SubmitImport(ForeignKey key, KeyPurpose purpose, WorkOptions options, CreateDone done) override;
  WorkId SubmitExport(SealedKey key, std::shared_ptr<const SecretBytes> auth, WorkOptions options,
                      ExportDone done) override;
  WorkId SubmitCreateBound(KeyAlgorithm algorithm, KeyPurpose purpose, PcrTerms terms, WorkOptions options,
                           CreateDone done) override;
  WorkId SubmitUnlock(AuthKind kind, std::shared_ptr<const SecretBytes> value, WorkOptions options,
                      UnlockDone done) override;
  WorkId SubmitApprove(SealedKey key, PcrApproval approval, WorkOptions options, CreateDone done) override;
  std::string KeyProblem(std::string_view public_key) const override;
  WorkId SubmitSign(SealedKey key, SignatureScheme scheme, std::string digest, WorkOptions options,
                    SignDone done) override;
  WorkId SubmitAttest(AttestRequest request, WorkOptions options, AttestDone done) override;
  WorkId SubmitActivate(ActivateRequest request, WorkOptions options, ActivateDone done) override;
  void Cancel(WorkId work) override;
  Recognition Recognize(std::string_view blob) const override;
  Attester* attester() override { return this; }
  std::string kind() const override { return "tpm2"; }
  std::vector<KeyAlgorithm> algorithms() const override;
  std::string protection() const override;
  BackendHealth Health() const override;

 private:
  WorkId Submit(CreateRequest request, WorkOptions options, CreateDone done);
  explicit TpmBackend(std::shared_ptr<tpm::TpmOwner> owner);

  const std::shared_ptr<tpm::TpmOwner> owner_;
  std::future<void> finished_;
  std::thread thread_;
};

}  // namespace ddskey

#endif  // DAEMON_BACKEND_TPM2_TPM_BACKEND_H_
