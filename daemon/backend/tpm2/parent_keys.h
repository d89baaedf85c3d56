#ifndef DAEMON_BACKEND_TPM2_PARENT_KEYS_H_
#define DAEMON_BACKEND_TPM2_PARENT_KEYS_H_

#include <tss2/tss2_tpm2_types.h>

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/tpm2/root_trust.h"
#include "daemon/backend/tpm2/tpm_channel.h"
#include "proto/contract/auth_kind.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::tpm {

// ParentAuth is what is needed to use somebody else's TPM; neither value is tried again once the TPM refused it, until
// there is another.
struct ParentAuth {
  // Authorisation value of the owner hierarchy, under which the primary key is derived.
  std::optional<SecretBytes> owner;
  // Authorisation value of the storage root key at 0x81000001.
  std::optional<SecretBytes> storage_root;
};

// ParentKeys are the storage keys of a TPM under which keys are made: the persistent one at 0x81000001, if there is one
// that can be used, else a primary key that is derived again when needed. A key in the key store names its parent, and
// which parent a new key may have is RootTrust's to say. For one thread.
class ParentKeys {
 public:
  // `make_room` leaves two of the TPM's places for loaded objects to the primary key and one under it.
  ParentKeys(const CryptoLibrary& library, ParentAuth auth, RootTrust trust, std::function<absl::Status()> make_room);
  ParentKeys(const ParentKeys&) = delete;
  ParentKeys& operator=(const ParentKeys&) = delete;

  // Find looks what there is, once; it derives the primary key if there is no persistent one.
  absl::Status Find(TpmChannel& channel);

  // Named is the parent of a key of ours: DATA_LOSS if this TPM does not have it.
  absl::StatusOr<const StorageKey*> Named(TpmChannel& channel, const TPM2B_NAME& name);

  // ForNewKey is the parent for a new key: the persistent one, unless it was given up or is not trusted.
  absl::StatusOr<const StorageKey*> ForNewKey(TpmChannel& channel);

  // ForKeyFile is the parent of a key file that names `handle`: the persistent key, and never one that is derived, as
  // other programs derive another. FAILED_PRECONDITION says how to have one.
  absl::StatusOr<const StorageKey*> ForKeyFile(TPM2_HANDLE handle) const;

  // GiveUp takes note that `parent` refused its authorisation value, so that new keys get another parent; false if
  // there is none. Finding out cost nothing, as we use no parents that feed the TPM's lockout.
  bool GiveUp(const StorageKey& parent);

  // Know takes note that there is a key under the parent of that name.
  void Know(const TPM2B_NAME& name) { trust_.Know(name); }

  // BeginSession makes sure that `channel` has a session salted to `parent`, or another key that is trusted.
  absl::Status BeginSession(TpmChannel& channel, const StorageKey& parent);

  // BeginPolicy does the same for the policy session.
  absl::Status BeginPolicy(TpmChannel& channel, const StorageKey& parent);

  // Misses tells whether the TPM refused what there is for the owner, or for the storage root that a key names.
  bool Misses(AuthKind kind) const;

  // TryOwner and TryStorageRoot have the TPM compare another value, once. FAILED_PRECONDITION if it is wrong, and then
  // all is as it was before.
  absl::Status TryOwner(TpmChannel& channel, SecretBytes value);
  absl::Status TryStorageRoot(TpmChannel& channel, SecretBytes value);

  // TakesPlaceBeside tells whether the primary key takes a place in the TPM that work under `parent` does not need.
  bool TakesPlaceBeside(const StorageKey& parent) const { return primary_.has_value() && &*primary_ != &parent; }

  // Learn derives the primary key, if it was not yet, for its name's sake: without one afterwards, the TPM refuses to.
  // It takes no place in the TPM from then on that it did not take before.
  absl::StatusOr<std::string> Learn(TpmChannel& channel);

  // persistent_name and primary_name are names as octets: empty if there is no such key, or it is not known.
  std::string persistent_name() const { return persistent_.has_value() ? Octets(persistent_->name) : ""; }
  std::string primary_name() const { return primary_.has_value() ? Octets(primary_->name) : ""; }

  // Octets is a name as a string.
  static std::string Octets(const TPM2B_NAME& name);

  // Describe says which one new keys get, and why it is trusted; empty before Find.
  std::string Describe() const;

  // Flush takes the primary key out of the TPM; Forget only forgets all handles.
  void Flush(TpmChannel& channel);
  void Forget();

 private:
  absl::Status NeedPrimary(TpmChannel& channel);
  void NoteOwner(const absl::Status& status);
  absl::Status AskUnderStorageRoot(TpmChannel& channel, const SecretBytes& value);
  bool IsSaltedTo(const TPM2B_NAME* name, const StorageKey& parent) const;
  absl::Status FindPersistent(TpmChannel& channel);
  absl::Status DerivePrimary(TpmChannel& channel);
  absl::Status AskForPrimary(TpmChannel& channel, const TpmChannel::Call& call);

  const CryptoLibrary& library_;
  ParentAuth auth_;
  RootTrust trust_;
  const std::function<absl::Status()> make_room_;
  bool found_ = false;
  std::optional<StorageKey> persistent_;
  // Whether the persistent one turned out to have another authorisation value.
  bool persistent_refused_ = false;
  bool owner_refused_ = false;
  // What somebody waits for.
  bool owner_missing_ = false;
  bool storage_root_missing_ = false;
  // Whether the TPM wants another value of the owner than it got, needed or not.
  bool owner_refuses_ = false;
  std::optional<StorageKey> primary_;
};

// NameOfHandle is the Name of what has no public area: hierarchies and sessions (TPM 2.0 Part 1, 16).
TPM2B_NAME NameOfHandle(TPM2_HANDLE handle);

// IsAuthFailure tells whether the TPM refused an authorisation value.
bool IsAuthFailure(const absl::Status& status);

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_PARENT_KEYS_H_
