#ifndef DAEMON_BACKEND_TPM2_KEY_POLICY_H_
#define DAEMON_BACKEND_TPM2_KEY_POLICY_H_

#include <tss2/tss2_tpm2_types.h>

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/pcr_binding.h"

namespace ddskey::tpm {

// KeyPolicy is the policy of a key that is bound to registers:
//
//   PolicyOR(digest of the purpose, which no session reaches (see KeyTemplate),
//            PolicyPCR(values when it was made) and PolicyAuthValue,
//            PolicyAuthorize(authority, policyRef of the label) and PolicyAuthValue, if there is an authority)
//
// Nothing but this policy lets the key sign: its authorisation value alone does not, but goes on to be needed.
struct KeyPolicy {
  TPML_DIGEST branches = {};
  // What the key has as its authPolicy.
  TPM2B_DIGEST digest = {};
  // The authority as the TPM knows it (`tpm2_loadexternal` gives a key the same name).
  std::optional<TPM2B_PUBLIC> authority;
  TPM2B_NAME authority_name = {};
};

// MakeKeyPolicy computes the policy for a key of `purpose`. INVALID_ARGUMENT for an authority whose key is of no
// algorithm that we know.
absl::StatusOr<KeyPolicy> MakeKeyPolicy(const CryptoLibrary& library, KeyPurpose purpose, const PcrBinding& binding);

// IsMadeHere tells whether the key `area` is what we make of this algorithm, purpose and binding, if there is one.
absl::StatusOr<bool> IsMadeHere(const CryptoLibrary& library, const TPM2B_PUBLIC& area,
                                const std::optional<PcrBinding>& binding, KeyAlgorithm algorithm, KeyPurpose purpose);

// CheckTerms refuses, with INVALID_ARGUMENT, terms that no key can have: no registers, an authority without a label.
absl::Status CheckTerms(const CryptoLibrary& library, const PcrTerms& terms);

// CheckApproval refuses an approval that is not for a key with this binding, and says by name why: INVALID_ARGUMENT for
// one that is damaged, or signed by another authority; FAILED_PRECONDITION for one of another label or other registers,
// or if nobody may approve anything.
absl::Status CheckApproval(const CryptoLibrary& library, const PcrBinding& binding, const PcrApproval& approval);

// ToTpm is a selection as the TPM takes it.
TPML_PCR_SELECTION ToTpm(const PcrSelection& selection);

// ToTpmDigest is octets, at most 64, as the TPM takes them.
TPM2B_DIGEST ToTpmDigest(std::string_view octets);

// ApprovalDigest is SHA-256 of what the authority signed.
TPM2B_DIGEST ApprovalDigest(const PcrApproval& approval);

// ApprovalSignature is the signature of an approval as the TPM takes it. INVALID_ARGUMENT if it is damaged.
absl::StatusOr<TPMT_SIGNATURE> ApprovalSignature(const CryptoLibrary& library, const PcrBinding& binding,
                                                 const PcrApproval& approval);

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_KEY_POLICY_H_
