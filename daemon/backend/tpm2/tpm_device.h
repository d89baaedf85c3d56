#ifndef DAEMON_BACKEND_TPM2_TPM_DEVICE_H_
#define DAEMON_BACKEND_TPM2_TPM_DEVICE_H_

#include <tss2/tss2_esys.h>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/attester.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/key_backend.h"
#include "daemon/backend/key_work.h"
#include "daemon/backend/private_key.h"
#include "daemon/backend/tpm2/device_monitor.h"
#include "daemon/backend/tpm2/endorsement_keys.h"
#include "daemon/backend/tpm2/key_blob.h"
#include "daemon/backend/tpm2/key_device.h"
#include "daemon/backend/tpm2/parent_keys.h"
#include "daemon/backend/tpm2/pcr_gate.h"
#include "daemon/backend/tpm2/read_keys.h"
#include "daemon/backend/tpm2/retry.h"
#include "daemon/backend/tpm2/root_trust.h"
#include "daemon/backend/tpm2/session_crypto.h"
#include "daemon/backend/tpm2/tpm_channel.h"
#include "daemon/backend/tpm2/tpm_connection.h"
#include "daemon/backend/tpm2/tried_values.h"
#include "daemon/backend/tpm2/tss2_key_file.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::tpm {

// AuthSecret is what authorisation values of keys are derived from.
struct AuthSecret {
  SecretBytes value;
  // SecretId of `value`.
  std::string id;
};

// DeviceSetup is what a TpmDevice must be told beside how to connect.
struct DeviceSetup {
  std::optional<AuthSecret> secret;
  ParentAuth parent_auth;
  RootTrust trust;
  // Authorisation value of the endorsement hierarchy; nothing if it is empty.
  std::optional<SecretBytes> endorsement_auth = {};
  // Where `secret` comes from, for people.
  std::string secret_origin;
  // SecretIds that keys in the key store need.
  std::set<std::string> secret_ids;
};

// TpmDevice is a TPM.
//
// Keys live under one of ParentKeys; a blob remembers which by name. Every command that carries or unlocks a key is
// protected by the session of TpmChannel. Without a resource manager a TPM has three places for loaded objects: the
// primary key takes one while it is needed, keys take the others, the longest unused making room. When the TPM is full
// all the same, everything loaded in it is flushed, leftovers of a daemon that was killed included: a TPM without a
// resource manager is ours alone. Contexts are never saved.
//
// Keys made with an AuthSecret have an authorisation value (S-12) derived from it and a random salt; it is stored
// nowhere and never passes over the bus in the clear, so the key store alone does not let other users of the TPM use
// the keys. Without an AuthSecret the value is empty: one beside the blob would protect nothing.
//
// Keys that are bound to registers sign in a session of their own, whose policy PcrGate satisfies anew for each
// signature.
class TpmDevice : public KeyDevice {
 public:
  TpmDevice(TctiOpener opener, const CryptoLibrary& library, std::unique_ptr<SessionCrypto> crypto, DeviceSetup setup,
            DeviceMonitor& monitor, int stop_fd);
  TpmDevice(const TpmDevice&) = delete;
  TpmDevice& operator=(const TpmDevice&) = delete;

  absl::Status Probe() override;
  absl::StatusOr<SealedKey> Create(const CreateRequest& request) override;
  absl::StatusOr<SealedKey> Import(const ImportRequest& request) override;
  absl::StatusOr<std::string> Export(const ExportRequest& request) override;
  absl::StatusOr<SealedKey> Approve(const ApproveRequest& request) override;
  absl::Status Unlock(const UnlockRequest& request) override;
  absl::StatusOr<Signed> Sign(const SignRequest& request, const std::function<void()>& meanwhile) override;
  absl::StatusOr<Attestation> Attest(const AttestRequest& request) override;
  absl::StatusOr<ActivatedSecret> Activate(const ActivateRequest& request) override;
  void Recover(Recovery recovery) override;
  void Leave() override;

 private:
  struct Loaded {
    SealedKey sealed;
    TPM2_HANDLE handle;
    TPM2B_NAME name;
    TPM2B_NAME parent;
    EvpKey public_key;
    std::optional<SecretBytes> auth;
    // Set if it signs by its policy only.
    std::optional<BoundKey> bound;
  };

  absl::Status EnsureReady();
  absl::Status Identify();
  absl::Status AskAlgorithms();
  absl::Status CheckAlgorithm(KeyAlgorithm algorithm) const;
  absl::StatusOr<Loaded*> Load(const SealedKey& key);
  absl::StatusOr<const ReadKeys::Key*> Read(const SealedKey& key);
  absl::StatusOr<KeyBlob> CheckBlob(const SealedKey& key);
  absl::StatusOr<std::optional<SecretBytes>> AuthFor(const KeyBlob& blob) const;
  // KeysLocked is about keys whose secret is not there: what is wrong is not the TPM, and the health says it already.
  static absl::Status KeysLocked();
  absl::StatusOr<KeyBlob> NewBlob(const StorageKey& parent) const;
  absl::StatusOr<SealedKey> ImportPrivate(const ImportRequest& request);
  absl::StatusOr<SealedKey> ImportUnder(const StorageKey& parent, const PrivateKey& key, KeyPurpose purpose);
  absl::StatusOr<SealedKey> ImportFile(const ImportRequest& request);
  absl::StatusOr<TPM2_HANDLE> LoadFile(const StorageKey& parent, const Tss2KeyFile& file);
  absl::StatusOr<TPM2B_PRIVATE> ChangeAuth(const StorageKey& parent, TPM2_HANDLE handle,
                                           const TPM2B_PUBLIC& public_area, const SecretBytes* before,
                                           const SecretBytes* after);
  absl::StatusOr<SealedKey> SealLoadable(const KeyBlob& blob, KeyAlgorithm algorithm, KeyPurpose purpose);
  absl::StatusOr<SealedKey> CreateUnder(const StorageKey& parent, const CreateRequest& request,
                                        const std::optional<PcrBinding>& binding);
  absl::Status UnlockOne(const UnlockRequest& request);
  absl::Status UnlockKeys(const SecretBytes& value);
  void SayWhatIsMissing();
  absl::StatusOr<PcrBinding> Bind(const PcrTerms& terms, KeyPurpose purpose);
  absl::Status OpenGate(const StorageKey& parent, Loaded& loaded);
  absl::Status Protected(const StorageKey& parent, const TpmChannel::Call& call, bool by_policy = false);
  std::string_view ValueOf(const TPM2B_NAME& object) const;
  bool IsWrong(const StorageKey& parent, const TPM2B_NAME& object);
  absl::Status Refused(const StorageKey& parent, const TPM2B_NAME& object, const absl::Status& status);
  absl::Status Locked(const absl::Status& status);
  absl::Status Doubt(const TPM2B_NAME& object, const absl::Status& status);
  absl::StatusOr<EndorsementKeys::Key> FindEndorsement(const EndorsementKeys::Protect& protect, EndorsementKind kind,
                                                       std::vector<std::string>& certificates);
  void Drop(const EndorsementKeys::Key& key, const absl::Status& status);
  absl::Status Certify(const EndorsementKeys::Protect& protect, const Loaded& loaded,
                       const EndorsementKeys::Key& signer, const TPM2B_DATA& extra, Attestation& attestation);
  absl::Status Quote(const EndorsementKeys::Protect& protect, const EndorsementKeys::Key& signer,
                     const TPM2B_DATA& extra, const std::vector<uint32_t>& pcrs, Attestation& attestation);
  absl::StatusOr<std::vector<std::pair<uint32_t, std::string>>> ReadRegisters(const std::vector<uint32_t>& pcrs);
  absl::StatusOr<ActivatedSecret> ActivateWith(const EndorsementKeys::Protect& protect,
                                               const EndorsementKeys::Key& endorsement, const ActivateRequest& request);
  absl::StatusOr<ActivatedSecret> ActivateFor(const EndorsementKeys::Protect& protect,
                                              const EndorsementKeys::Key& endorsement,
                                              const EndorsementKeys::Key& signer, const ActivateRequest& request);
  absl::Status MakeRoom(size_t keys);
  absl::Status MakeRoomUnder(const StorageKey& parent);
  void FlushAll();
  void Forget();

  const TctiOpener opener_;
  const CryptoLibrary& library_;
  const std::unique_ptr<SessionCrypto> crypto_;
  std::optional<AuthSecret> secret_;
  // Of the secrets that keys were made under, for as long as there is none.
  std::set<std::string> secret_ids_;
  DeviceMonitor& monitor_;
  const int stop_fd_;
  std::unique_ptr<TpmConnection> connection_;
  std::unique_ptr<TpmChannel> channel_;
  ParentKeys parents_;
  EndorsementKeys endorsement_;
  const PcrGate gate_;
  bool ready_ = false;
  // Whether the monitor knows what keys this TPM makes.
  bool asked_algorithms_ = false;
  ReadKeys read_;
  TriedValues tried_;
  // What refused its authorisation value, since which everything was loaded again.
  std::optional<TPM2B_NAME> suspect_;
  // The one used last is first.
  std::list<Loaded> loaded_;
};

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_TPM_DEVICE_H_
