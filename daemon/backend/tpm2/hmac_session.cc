#include "daemon/backend/tpm2/hmac_session.h"

#include <openssl/rand.h>

#include <algorithm>
#include <string>
#include <utility>

#include "daemon/backend/tpm2/tss_status.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

constexpr UINT16 kNonceSize = SessionCrypto::kHashSize;

using Octets = std::span<const uint8_t>;

Octets Of(const TPM2B_NONCE& nonce) { return {nonce.buffer, nonce.size}; }

std::array<uint8_t, 4> BigEndian(uint32_t number) {
  return {static_cast<uint8_t>(number >> 24), static_cast<uint8_t>(number >> 16), static_cast<uint8_t>(number >> 8),
          static_cast<uint8_t>(number)};
}

// NotTheTpms is about an answer that somebody changed, or that answers something else.
absl::Status NotTheTpms() { return FromTss(TSS2_ESYS_RC_RSP_AUTH_FAILED, "checking that an answer is the TPM's"); }

}  // namespace

absl::StatusOr<TPM2B_NONCE> HmacSession::NewNonce(const CryptoLibrary& library) {
  TPM2B_NONCE nonce = {};
  nonce.size = kNonceSize;
  if (RAND_bytes_ex(library.context(), nonce.buffer, nonce.size, 0) != 1) {
    return absl::InternalError("getting random octets failed in OpenSSL");
  }
  return nonce;
}

absl::StatusOr<HmacSession> HmacSession::Create(const CryptoLibrary& library, const SessionCrypto& crypto,
                                                TPMI_SH_AUTH_SESSION handle, const SecretBytes* salt,
                                                const TPM2B_NONCE& nonce_caller, const TPM2B_NONCE& nonce_tpm) {
  ASSIGN_OR_RETURN(SecretBytes key, SecretBytes::Allocate(kKeyRoom));
  ASSIGN_OR_RETURN(SecretBytes scratch, SecretBytes::Allocate(SessionCrypto::kHashSize));
  size_t size = 0;
  if (salt != nullptr) {
    size = SessionCrypto::kHashSize;
    RETURN_IF_ERROR(crypto.Kdfa(salt->Reveal(SecretAccess()), "ATH", Of(nonce_tpm), Of(nonce_caller),
                                key.Reveal(SecretAccess()).first(size)));
  }
  return HmacSession(library, crypto, handle, std::move(key), size, std::move(scratch), nonce_tpm);
}

HmacSession::HmacSession(const CryptoLibrary& library, const SessionCrypto& crypto, TPMI_SH_AUTH_SESSION handle,
                         SecretBytes key, size_t key_size, SecretBytes scratch, const TPM2B_NONCE& nonce_tpm)
    : library_(&library),
      crypto_(&crypto),
      handle_(handle),
      key_(std::move(key)),
      key_size_(key_size),
      value_size_(key_size),
      scratch_(std::move(scratch)),
      nonce_tpm_(nonce_tpm) {}

// TakeAuth puts an authorisation value behind the session's key, without trailing zeros, as the TPM does (TPM 2.0 Part
// 1, 17.6.4.3).
absl::Status HmacSession::TakeAuth(const SecretBytes* auth) {
  Octets octets = auth == nullptr ? Octets() : auth->Reveal(SecretAccess());
  while (!octets.empty() && octets.back() == 0) octets = octets.first(octets.size() - 1);
  if (key_size_ + octets.size() > key_.size()) return absl::InvalidArgumentError("an authorisation value is too long");
  std::copy(octets.begin(), octets.end(), key_.Reveal(SecretAccess()).begin() + static_cast<ptrdiff_t>(key_size_));
  value_size_ = key_size_ + octets.size();
  return absl::OkStatus();
}

// value is what TPM 2.0 Part 1, 21.2 calls sessionValue.
Octets HmacSession::value() const { return key_.Reveal(SecretAccess()).first(value_size_); }

absl::Status HmacSession::Seal(TSS2_SYS_CONTEXT* sys, const Command& command) {
  RETURN_IF_ERROR(TakeAuth(command.auth));
  ASSIGN_OR_RETURN(nonce_caller_, NewNonce(*library_));
  const std::span<uint8_t> scratch = scratch_.Reveal(SecretAccess());
  if ((command.attributes & TPMA_SESSION_DECRYPT) != 0) {
    size_t size = 0;
    const uint8_t* parameter = nullptr;
    RETURN_IF_ERROR(FromTss(Tss2_Sys_GetDecryptParam(sys, &size, &parameter), "encrypting for the TPM"));
    RETURN_IF_ERROR(crypto_->Kdfa(value(), "CFB", Of(nonce_caller_), Of(nonce_tpm_), scratch));
    ASSIGN_OR_RETURN(const std::string encrypted, crypto_->Encrypt(scratch, {parameter, size}));
    // Takes the place of the plain text.
    RETURN_IF_ERROR(FromTss(Tss2_Sys_SetDecryptParam(sys, size, reinterpret_cast<const uint8_t*>(encrypted.data())),
                            "encrypting for the TPM"));
  }
  const std::array<uint8_t, 1> attributes = {static_cast<uint8_t>(TPMA_SESSION_CONTINUESESSION | command.attributes)};
  TSS2L_SYS_AUTH_COMMAND authorisations = {};
  authorisations.count = 1;
  for (const TPMS_AUTH_COMMAND& further : command.further) authorisations.auths[authorisations.count++] = further;
  TPMS_AUTH_COMMAND& authorisation = authorisations.auths[0];
  authorisation.sessionHandle = handle_;
  authorisation.nonce = nonce_caller_;
  authorisation.sessionAttributes = attributes[0];
  size_t size = 0;
  const uint8_t* parameters = nullptr;
  RETURN_IF_ERROR(FromTss(Tss2_Sys_GetCpBuffer(sys, &size, &parameters), "authorising a command to the TPM"));
  std::array<Octets, 2> names;
  for (size_t i = 0; i < std::min(names.size(), command.names.size()); ++i) {
    names[i] = {command.names[i].name, command.names[i].size};
  }
  ASSIGN_OR_RETURN(const SessionCrypto::Hash cp_hash,
                   crypto_->Digest({BigEndian(command.code), names[0], names[1], {parameters, size}}));
  authorisation.hmac.size = SessionCrypto::kHashSize;
  RETURN_IF_ERROR(crypto_->Hmac(value(), {cp_hash, Of(nonce_caller_), Of(nonce_tpm_), attributes},
                                {authorisation.hmac.buffer, SessionCrypto::kHashSize}));
  return FromTss(Tss2_Sys_SetCmdAuths(sys, &authorisations), "authorising a command to the TPM");
}

absl::Status HmacSession::Open(TSS2_SYS_CONTEXT* sys, const Command& command) {
  RETURN_IF_ERROR(CheckAnswer(sys, command));
  if ((command.attributes & TPMA_SESSION_ENCRYPT) == 0) return absl::OkStatus();
  size_t size = 0;
  const uint8_t* parameter = nullptr;
  RETURN_IF_ERROR(FromTss(Tss2_Sys_GetEncryptParam(sys, &size, &parameter), "decrypting the TPM's answer"));
  const std::span<uint8_t> scratch = scratch_.Reveal(SecretAccess());
  RETURN_IF_ERROR(crypto_->Kdfa(value(), "CFB", Of(nonce_tpm_), Of(nonce_caller_), scratch));
  ASSIGN_OR_RETURN(const std::string plain, crypto_->Decrypt(scratch, {parameter, size}));
  return FromTss(Tss2_Sys_SetEncryptParam(sys, size, reinterpret_cast<const uint8_t*>(plain.data())),
                 "decrypting the TPM's answer");
}

// CheckAnswer checks the answer's HMAC and takes the TPM's new nonce.
absl::Status HmacSession::CheckAnswer(TSS2_SYS_CONTEXT* sys, const Command& command) {
  TSS2L_SYS_AUTH_RESPONSE authorisations = {};
  size_t size = 0;
  const uint8_t* parameters = nullptr;
  // An answer whose tag says that it has no session fails here.
  if (Tss2_Sys_GetRspAuths(sys, &authorisations) != TSS2_RC_SUCCESS ||
      authorisations.count != 1 + command.further.size() ||
      Tss2_Sys_GetRpBuffer(sys, &size, &parameters) != TSS2_RC_SUCCESS) {
    return NotTheTpms();
  }
  const TPMS_AUTH_RESPONSE& authorisation = authorisations.auths[0];
  if (authorisation.nonce.size != kNonceSize || authorisation.hmac.size != SessionCrypto::kHashSize) {
    return NotTheTpms();
  }
  constexpr std::array<uint8_t, 4> kSuccess = {};
  ASSIGN_OR_RETURN(const SessionCrypto::Hash rp_hash,
                   crypto_->Digest({kSuccess, BigEndian(command.code), {parameters, size}}));
  const std::array<uint8_t, 1> attributes = {static_cast<uint8_t>(authorisation.sessionAttributes)};
  const std::span<uint8_t> expected = scratch_.Reveal(SecretAccess());
  RETURN_IF_ERROR(crypto_->Hmac(value(), {rp_hash, Of(authorisation.nonce), Of(nonce_caller_), attributes}, expected));
  if (!ConstantTimeEquals(expected, {authorisation.hmac.buffer, authorisation.hmac.size}) ||
      (attributes[0] & TPMA_SESSION_CONTINUESESSION) == 0) {
    return NotTheTpms();
  }
  nonce_tpm_ = authorisation.nonce;
  return absl::OkStatus();
}

}  // namespace ddskey::tpm
