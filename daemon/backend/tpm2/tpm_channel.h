#ifndef DAEMON_BACKEND_TPM2_TPM_CHANNEL_H_
#define DAEMON_BACKEND_TPM2_TPM_CHANNEL_H_

#include <tss2/tss2_sys.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/tpm2/hmac_session.h"
#include "daemon/backend/tpm2/session_crypto.h"
#include "daemon/backend/tpm2/tpm_connection.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::tpm {

// StorageKey is a key in the TPM that other keys, and the salts of sessions, can be encrypted to. The name is computed
// from the public area, not told by the TPM.
struct StorageKey {
  TPM2_HANDLE handle = 0;
  TPM2B_NAME name = {};
  TPM2B_PUBLIC public_area = {};
  // Its authorisation value; null if it is empty.
  const SecretBytes* auth = nullptr;
};

// TpmChannel sends the commands that concern keys over a connection, through SAPI: in a session salted to a storage key
// where there is anything to protect. There is one session for a connection, and one for the policies of keys that
// are bound to registers, if there are any: a TPM without a resource manager has three places for them. Errors carry
// the TPM's code; see RecoveryFor. For one thread.
class TpmChannel {
 public:
  // Call is a command in SAPI's terms, and what a session must know of it.
  struct Call {
    HmacSession::Command command;
    // As in "signing with a TPM key".
    const char* doing;
    std::function<TSS2_RC(TSS2_SYS_CONTEXT*)> prepare;
    std::function<TSS2_RC(TSS2_SYS_CONTEXT*)> complete;
    // Called while the TPM works.
    std::function<void()> meanwhile = [] {};
    std::chrono::seconds patience = TpmConnection::kPatience;
  };

  // The arguments must outlive the channel.
  TpmChannel(TpmConnection& connection, const CryptoLibrary& library, const SessionCrypto& crypto);

  // Begin starts the session, salted to `key`, which the caller has verified, in place of one there may be.
  absl::Status Begin(const StorageKey& key);

  // salted_to is the name of the key that the session was salted to; null if there is no session.
  const TPM2B_NAME* salted_to() const { return session_.has_value() ? &salted_to_ : nullptr; }

  // Protected does `call` in the session; Begin must have succeeded.
  absl::Status Protected(const Call& call);

  // ProtectedAlone does `call` in a session of its own, salted to `key`, or to nothing if that is null: then the
  // authorisation value does not pass over the bus either, but one that can be guessed can be found out from what does.
  absl::Status ProtectedAlone(const StorageKey* key, const Call& call);

  // BeginPolicy starts the policy session, beside the other one and salted likewise, in place of one there may be.
  absl::Status BeginPolicy(const StorageKey& key);
  const TPM2B_NAME* policy_salted_to() const { return policy_.has_value() ? &policy_salted_to_ : nullptr; }

  // policy_session is for the commands of policies; BeginPolicy must have succeeded.
  TPMI_SH_POLICY policy_session() const { return policy_.has_value() ? policy_->handle() : 0; }

  // RestartPolicy makes the policy session as new, unless it is.
  absl::Status RestartPolicy();

  // ByPolicy does `call` in the policy session, whose policy must include TPM2_PolicyAuthValue: the authorisation value
  // is needed, too. Afterwards the session is as new.
  absl::Status ByPolicy(const Call& call);

  // Bare does a command that needs no authorisation, in the clear.
  using Step = std::function<TSS2_RC(TSS2_SYS_CONTEXT*)>;
  absl::Status Bare(const char* doing, const Step& prepare, const Step& complete);

  // Plain does `call` with an empty authorisation value in the clear.
  absl::Status Plain(const Call& call);

  // Confirm asks in the session for the object `name` at `handle`: OK means that the session works, and the object is
  // it.
  absl::Status Confirm(TPM2_HANDLE handle, const TPM2B_NAME& name);

  // Bare does `call` without any authorisation, for commands that need none and carry nothing secret.
  absl::Status Bare(const Call& call);

  // StartPolicy starts a policy session, which the caller flushes; it has no key of its own, and so no HMACs.
  absl::StatusOr<TPMI_SH_POLICY> StartPolicy();

  // ReadPublic asks for the public area of an object, whose name says whether the answer is worth anything.
  absl::StatusOr<TPM2B_PUBLIC> ReadPublic(TPM2_HANDLE handle);

  // Flush takes an object or a session out of the TPM.
  TSS2_RC Flush(TPM2_HANDLE handle);

  // End takes the sessions out of the TPM, or only forgets them if the TPM should not be asked.
  void End();
  void Forget() {
    session_.reset();
    policy_.reset();
  }

 private:
  absl::StatusOr<HmacSession> Start(const StorageKey* key, TPM2_SE type);
  absl::Status Execute(HmacSession& session, const Call& call);

  TpmConnection& connection_;
  const CryptoLibrary& library_;
  const SessionCrypto& crypto_;
  std::optional<HmacSession> session_;
  TPM2B_NAME salted_to_ = {};
  std::optional<HmacSession> policy_;
  TPM2B_NAME policy_salted_to_ = {};
  // Whether the TPM has nothing in the policy session yet.
  bool policy_is_new_ = false;
};

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_TPM_CHANNEL_H_
