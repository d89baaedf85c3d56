#ifndef PROTO_CONTRACT_PCR_POLICY_H_
#define PROTO_CONTRACT_PCR_POLICY_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace ddskey {

// Platform configuration registers (PCRs) of a TPM, what keys are bound to by their values, and what is signed to
// approve other values: whoever approves needs no TPM. The digests are those of TPM 2.0 Part 3, 23.7 and 23.16.

// PcrBank is the hash by which a register is extended; the numbers are the TPM's (TPM 2.0 Part 2, 6.3).
enum class PcrBank : uint16_t {
  kSha1 = 0x0004,
  kSha256 = 0x000b,
  kSha384 = 0x000c,
  kSha512 = 0x000d,
};

// BankName is "sha1", "sha256", "sha384" or "sha512"; BankSize is how many octets its values have.
std::string_view BankName(PcrBank bank);
size_t BankSize(PcrBank bank);

// PcrRegister is a register in a bank, ordered as the TPM hashes them.
struct PcrRegister {
  PcrBank bank = PcrBank::kSha256;
  uint8_t index = 0;
  auto operator<=>(const PcrRegister&) const = default;
};

// Name is, for example, "PCR 7 (sha256)".
std::string Name(const PcrRegister& pcr);

using PcrSelection = std::set<PcrRegister>;
// PcrValues are the values of selected registers, each of its bank's size.
using PcrValues = std::map<PcrRegister, std::string>;

// kMostPcrs is how many registers a key is bound to at the most, kMostPcrValues how many sets of values it knows.
inline constexpr size_t kMostPcrs = 24;
inline constexpr size_t kMostPcrValues = 16;

// ParseBank reads a bank's name.
absl::StatusOr<PcrBank> ParseBank(std::string_view name);

// ParsePcrSelection reads "sha256:0,2,7" or "sha1:0+sha256:0,2,7". INVALID_ARGUMENT says what is wrong with it, also if
// it names a register that any program can set back (16 and 23), which binds a key to nothing.
absl::StatusOr<PcrSelection> ParsePcrSelection(std::string_view text);

// FormatPcrs is the inverse.
std::string FormatPcrs(const PcrSelection& selection);

// SelectionOf says which registers `values` are of.
PcrSelection SelectionOf(const PcrValues& values);

// ParsePcrValues reads values of the registers in `selection` from what tpm2_pcrread prints: banks, each followed by
// lines "INDEX : 0xVALUE". Others may be there. INVALID_ARGUMENT if one is missing or has another size.
absl::StatusOr<PcrValues> ParsePcrValues(std::string_view text, const PcrSelection& selection);

// IsPcrLabel is whether `label` can name the keys that an approval is for: it is written as a key's name.
bool IsPcrLabel(std::string_view label);

// PcrDigest is SHA-256 of the values, what TPM2_PolicyPCR compares.
std::string PcrDigest(const PcrValues& values);

// MarshalledPcrs is a TPML_PCR_SELECTION.
std::string MarshalledPcrs(const PcrSelection& selection);

// PcrPolicyDigest is the policy, SHA-256, that TPM2_PolicyPCR makes of nothing: what is approved.
std::string PcrPolicyDigest(const PcrValues& values);

// PcrPolicyRef is the policyRef of approvals for keys with this label.
std::string PcrPolicyRef(std::string_view label);

// ToBeApproved is what the authority signs, with SHA-256: the policy and the policyRef.
std::string ToBeApproved(const PcrValues& values, std::string_view label);

}  // namespace ddskey

#endif  // PROTO_CONTRACT_PCR_POLICY_H_
