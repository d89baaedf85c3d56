#ifndef DAEMON_BACKEND_TPM2_TPM_DEVICE_H_
#define DAEMON_BACKEND_TPM2_TPM_DEVICE_H_

#include <tss2/tss2_esys.h>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/key_backend.h"
#include "daemon/backend/key_work.h"
#include "daemon/backend/tpm2/device_monitor.h"
#include "daemon/backend/tpm2/key_blob.h"
#include "daemon/backend/tpm2/retry.h"
#include "daemon/backend/tpm2/tpm_connection.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::tpm {

// AuthSecret is what authorisation values of keys are derived from.
struct AuthSecret {
  SecretBytes value;
  // SecretId of `value`.
  std::string id;
};

// TpmDevice does one thing at a time with a TPM and repeats nothing: a failed call says by RecoveryFor what Recover
// should do before the next. For one thread.
//
// Keys live under the storage root at 0x81000001 if there is one that can be used, else under a primary key that is
// derived again when needed; a blob remembers which by name. Without a resource manager a TPM has three places for
// loaded objects: the primary key takes one while it is needed, keys take the others, the longest unused making room.
// When the TPM is full all the same, everything loaded in it is flushed, leftovers of a daemon that was killed
// included: a TPM without a resource manager is ours alone. Contexts are never saved.
//
// Keys made with an AuthSecret have an authorisation value (S-12) derived from it and a random salt; it is stored
// nowhere, so the key store alone does not let other users of the TPM use the keys. ESAPI keeps the value of a loaded
// key on the ordinary heap, and it passes to the TPM in the clear, as an HMAC session would cost six times the time of
// a signature. Without an AuthSecret the value is empty: one beside the blob would protect nothing.
class TpmDevice {
 public:
  // Signed is a signature, and the key it is to be checked against.
  struct Signed {
    Signature signature;
    EvpKey public_key;
  };

  TpmDevice(TctiOpener opener, const CryptoLibrary& library, std::optional<AuthSecret> secret, DeviceMonitor& monitor,
            int stop_fd);
  TpmDevice(const TpmDevice&) = delete;
  TpmDevice& operator=(const TpmDevice&) = delete;

  // Probe connects if need be, and asks something.
  absl::Status Probe();

  // Create makes a key. UNIMPLEMENTED if the TPM makes none of the algorithm.
  absl::StatusOr<SealedKey> Create(const CreateRequest& request);

  // Sign makes a signature, not checked yet; `meanwhile` is called while the TPM works, unless the call fails before.
  absl::StatusOr<Signed> Sign(const SignRequest& request, const std::function<void()>& meanwhile);

  // Recover does what a failed call asks for.
  void Recover(Recovery recovery);

  // Leave flushes what is loaded; the destructor does not, so that it never waits for the TPM.
  void Leave();

 private:
  struct Parent {
    ESYS_TR handle;
    TPM2B_NAME name;
  };
  struct Loaded {
    SealedKey sealed;
    ESYS_TR handle;
    EvpKey public_key;
  };

  absl::Status EnsureReady();
  absl::Status Identify();
  absl::Status AskAlgorithms();
  absl::Status CheckAlgorithm(KeyAlgorithm algorithm) const;
  absl::Status FindPersistentParent();
  absl::Status EnsurePrimary();
  absl::StatusOr<TPM2B_NAME> NameOf(ESYS_TR handle) const;
  absl::StatusOr<ESYS_TR> ParentNamed(const TPM2B_NAME& name);
  absl::StatusOr<Loaded*> Load(const SealedKey& key);
  absl::StatusOr<KeyBlob> CheckBlob(const SealedKey& key) const;
  absl::Status SetAuth(ESYS_TR handle, const KeyBlob& blob);
  absl::StatusOr<TPM2B_AUTH> AuthFor(const KeyBlob& blob) const;
  absl::StatusOr<SealedKey> CreateUnder(const Parent& parent, const CreateRequest& request);
  absl::Status MakeRoom(size_t keys);
  absl::Status MakeRoomUnder(ESYS_TR parent);
  TSS2_RC Flush(ESYS_TR handle);
  void FlushAll();
  void Forget();

  const TctiOpener opener_;
  const CryptoLibrary& library_;
  const std::optional<AuthSecret> secret_;
  DeviceMonitor& monitor_;
  const int stop_fd_;
  std::unique_ptr<TpmConnection> connection_;
  bool ready_ = false;
  // Whether the monitor knows what keys this TPM makes.
  bool asked_algorithms_ = false;
  std::optional<Parent> persistent_;
  // Whether the persistent parent turned out to have a password.
  bool persistent_locked_ = false;
  std::optional<Parent> primary_;
  // The one used last is first.
  std::list<Loaded> loaded_;
};

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_TPM_DEVICE_H_
