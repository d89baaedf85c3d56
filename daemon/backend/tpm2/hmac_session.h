#ifndef DAEMON_BACKEND_TPM2_HMAC_SESSION_H_
#define DAEMON_BACKEND_TPM2_HMAC_SESSION_H_

#include <tss2/tss2_sys.h>

#include <array>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/tpm2/session_crypto.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::tpm {

// HmacSession is this end of a TPM session that authorises one entity for each command with an HMAC over the command,
// and encrypts the first parameter of command and answer (TPM 2.0 Part 1, 17 to 21). Who taps the bus learns neither
// authorisation values nor what is encrypted, and can change, replay or swap neither commands nor answers unnoticed;
// only refusals are unauthenticated, as the TPM sends them without a session.
//
// A command passes through it in this order: SAPI's Prepare, Seal, execution, Open if the TPM carried it out, SAPI's
// Complete. For one thread.
class HmacSession {
 public:
  // Command is what a session must know of a command.
  struct Command {
    TPM2_CC code = 0;
    // Names of the handles of the command, the one to be authorised first (TPM 2.0 Part 1, 16).
    std::span<const TPM2B_NAME> names = {};
    // Authorisation value of that handle, with or without its trailing zeros; null if it is empty.
    const SecretBytes* auth = nullptr;
    // TPMA_SESSION_DECRYPT to encrypt the first parameter of the command, TPMA_SESSION_ENCRYPT that of the answer.
    TPMA_SESSION attributes = 0;
    // Authorisations of further handles: empty passwords, or policy sessions that need no HMAC.
    std::span<const TPMS_AUTH_COMMAND> further = {};
  };

  // NewNonce is a nonce for TPM2_StartAuthSession.
  static absl::StatusOr<TPM2B_NONCE> NewNonce(const CryptoLibrary& library);

  // Create is the session that the TPM calls `handle` and made with these nonces. `salt` is null for a session without
  // one: its HMACs do not give the authorisation value away, but let a weak one be guessed, and it encrypts nothing
  // that is not encrypted under that value.
  static absl::StatusOr<HmacSession> Create(const CryptoLibrary& library, const SessionCrypto& crypto,
                                            TPMI_SH_AUTH_SESSION handle, const SecretBytes* salt,
                                            const TPM2B_NONCE& nonce_caller, const TPM2B_NONCE& nonce_tpm);

  // Seal encrypts the first parameter of the command that `sys` has prepared, and authorises it.
  absl::Status Seal(TSS2_SYS_CONTEXT* sys, const Command& command);

  // Open checks the answer to the command that was sealed last, and decrypts its first parameter. UNAVAILABLE, with
  // TSS2_ESYS_RC_RSP_AUTH_FAILED, if it is not the TPM's own answer to that command; the session is then of no more
  // use.
  absl::Status Open(TSS2_SYS_CONTEXT* sys, const Command& command);

  TPMI_SH_AUTH_SESSION handle() const { return handle_; }

 private:
  static constexpr size_t kKeyRoom = SessionCrypto::kHashSize + TPM2_SHA512_DIGEST_SIZE;

  HmacSession(const CryptoLibrary& library, const SessionCrypto& crypto, TPMI_SH_AUTH_SESSION handle, SecretBytes key,
              size_t key_size, SecretBytes scratch, const TPM2B_NONCE& nonce_tpm);

  absl::Status TakeAuth(const SecretBytes* auth);
  std::span<const uint8_t> value() const;
  absl::Status CheckAnswer(TSS2_SYS_CONTEXT* sys, const Command& command);

  const CryptoLibrary* library_;
  const SessionCrypto* crypto_;
  TPMI_SH_AUTH_SESSION handle_;
  // The session's key, empty without a salt, and behind it the authorisation value of the command at hand.
  SecretBytes key_;
  size_t key_size_;
  size_t value_size_;
  // Parameter keys, and the HMACs compared.
  SecretBytes scratch_;
  TPM2B_NONCE nonce_tpm_;
  TPM2B_NONCE nonce_caller_ = {};
};

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_HMAC_SESSION_H_
