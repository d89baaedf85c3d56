#include "daemon/backend/tpm2/pcr_gate.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/backend/tpm2/key_device.h"
#include "daemon/backend/tpm2/retry.h"
#include "daemon/backend/tpm2/tss_status.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

// The flag of a code that is about a parameter (TPM 2.0 Part 2, 6.6.1).
constexpr TSS2_RC kAboutParameter = 0x40;

// ValuesOf are the values with number `number` (see BoundKey).
const PcrValues& ValuesOf(const PcrBinding& binding, size_t number) {
  return number == 0 ? binding.values : binding.approvals[number - 1].values;
}

size_t CountOf(const PcrBinding& binding) { return 1 + binding.approvals.size(); }

// IsOtherValues is what TPM2_PolicyPCR says of registers with other values.
bool IsOtherValues(const absl::Status& status) {
  const std::optional<TSS2_RC> raw = RawTss(status);
  return raw.has_value() && TpmCode(*raw) == TPM2_RC_VALUE && (*raw & kAboutParameter) != 0;
}

absl::Status KeyProblem(const std::string& message) {
  absl::Status status = absl::FailedPreconditionError(message);
  status.SetPayload(kKeyProblem, absl::Cord("pcr"));
  return status;
}

// Differences names the registers whose values are not those of `wanted`.
std::vector<std::string> Differences(const PcrValues& wanted, const PcrValues& now) {
  std::vector<std::string> names;
  for (const auto& [pcr, value] : wanted) {
    const auto found = now.find(pcr);
    if (found == now.end() || found->second != value) names.push_back(Name(pcr));
  }
  return names;
}

}  // namespace

PcrGate::PcrGate(const CryptoLibrary& library, std::function<absl::Status()> make_room)
    : library_(library), make_room_(std::move(make_room)) {}

absl::Status PcrGate::Open(TpmChannel& channel, BoundKey& key) const {
  ASSIGN_OR_RETURN(const bool as_before, Try(channel, key, key.likely));
  if (as_before) return absl::OkStatus();
  ASSIGN_OR_RETURN(const PcrValues now, Read(channel, SelectionOf(key.binding.values)));
  for (size_t number = 0; number < CountOf(key.binding); ++number) {
    if (number == key.likely || ValuesOf(key.binding, number) != now) continue;
    ASSIGN_OR_RETURN(const bool fits, Try(channel, key, number));
    if (!fits) break;
    key.likely = number;
    return absl::OkStatus();
  }
  return Explain(key.binding, now);
}

// Explain names what is different from those values of which the fewest are.
absl::Status PcrGate::Explain(const PcrBinding& binding, const PcrValues& now) const {
  std::vector<std::string> fewest = Differences(binding.values, now);
  for (size_t number = 1; number < CountOf(binding); ++number) {
    std::vector<std::string> names = Differences(ValuesOf(binding, number), now);
    if (names.size() < fewest.size()) fewest = std::move(names);
  }
  if (fewest.empty()) {
    // Registers are read without a session: what they are said to be is not what the TPM checks.
    return KeyProblem(
        "the TPM says that its registers are as the key needs them, and refuses it because they are not: they change "
        "all the time, or somebody changes what passes between us and the TPM");
  }
  return KeyProblem(absl::StrCat(
      absl::StrJoin(fewest, ", "), " of the TPM ", fewest.size() == 1 ? "is" : "are", " not as the key needs ",
      fewest.size() == 1 ? "it" : "them", ": start the firmware and software that it was bound to, or ",
      binding.authority.empty() ? "renew the identity (nobody may approve other values for this key)"
                                : "have the new values approved: ddskeyctl key approve-pcr"));
}

// Try does the commands of the policy for the values with number `number`; false if the registers have others.
absl::StatusOr<bool> PcrGate::Try(TpmChannel& channel, BoundKey& key, size_t number) const {
  if (number > 0 && !key.tickets.contains(number)) RETURN_IF_ERROR(Verify(channel, key, number));
  RETURN_IF_ERROR(channel.RestartPolicy());
  const TPMI_SH_POLICY session = channel.policy_session();
  const PcrValues& values = ValuesOf(key.binding, number);
  const TPML_PCR_SELECTION selection = ToTpm(SelectionOf(values));
  const TPM2B_DIGEST digest = ToTpmDigest(PcrDigest(values));
  const absl::Status compared = channel.Bare(
      "comparing the TPM's registers",
      [&](TSS2_SYS_CONTEXT* sys) { return Tss2_Sys_PolicyPCR_Prepare(sys, session, &digest, &selection); },
      &Tss2_Sys_PolicyPCR_Complete);
  if (IsOtherValues(compared)) return false;
  RETURN_IF_ERROR(compared);
  if (number > 0) {
    const TPM2B_DIGEST approved = ToTpmDigest(PcrPolicyDigest(values));
    const TPM2B_DIGEST reference = ToTpmDigest(PcrPolicyRef(key.binding.label));
    const TPMT_TK_VERIFIED& ticket = key.tickets.at(number);
    const absl::Status authorized = channel.Bare(
        "showing the TPM an approval",
        [&](TSS2_SYS_CONTEXT* sys) {
          return Tss2_Sys_PolicyAuthorize_Prepare(sys, session, &approved, &reference, &key.policy.authority_name,
                                                  &ticket);
        },
        &Tss2_Sys_PolicyAuthorize_Complete);
    // A ticket is of no more use after the TPM's hierarchy was changed.
    if (!authorized.ok()) key.tickets.erase(number);
    RETURN_IF_ERROR(authorized);
  }
  RETURN_IF_ERROR(channel.Bare(
      "preparing the use of a bound key",
      [&](TSS2_SYS_CONTEXT* sys) { return Tss2_Sys_PolicyAuthValue_Prepare(sys, session); },
      &Tss2_Sys_PolicyAuthValue_Complete));
  RETURN_IF_ERROR(channel.Bare(
      "preparing the use of a bound key",
      [&](TSS2_SYS_CONTEXT* sys) { return Tss2_Sys_PolicyOR_Prepare(sys, session, &key.policy.branches); },
      &Tss2_Sys_PolicyOR_Complete));
  return true;
}

absl::StatusOr<PcrValues> PcrGate::Read(TpmChannel& channel, const PcrSelection& selection) const {
  PcrValues values;
  PcrSelection left = selection;
  // The TPM gives as many as fit into an answer, the first first.
  while (!left.empty()) {
    const TPML_PCR_SELECTION asked = ToTpm(left);
    UINT32 counter = 0;
    TPML_PCR_SELECTION given = {};
    TPML_DIGEST digests = {};
    RETURN_IF_ERROR(channel.Bare(
        "reading the TPM's registers", [&](TSS2_SYS_CONTEXT* sys) { return Tss2_Sys_PCR_Read_Prepare(sys, &asked); },
        [&](TSS2_SYS_CONTEXT* sys) { return Tss2_Sys_PCR_Read_Complete(sys, &counter, &given, &digests); }));
    size_t at = 0;
    for (UINT32 i = 0; i < std::min<UINT32>(given.count, TPM2_NUM_PCR_BANKS); ++i) {
      const TPMS_PCR_SELECTION& bank = given.pcrSelections[i];
      for (uint8_t index = 0; index < 8 * std::min<uint8_t>(bank.sizeofSelect, TPM2_PCR_SELECT_MAX); ++index) {
        if ((bank.pcrSelect[index / 8] & 1 << index % 8) == 0) continue;
        const PcrRegister pcr{static_cast<PcrBank>(bank.hash), index};
        if (at >= std::min<UINT32>(digests.count, 8) || left.erase(pcr) == 0) break;
        const TPM2B_DIGEST& digest = digests.digests[at++];
        // Nothing else authenticates the answer than that keys are held to it.
        if (digest.size != BankSize(pcr.bank)) {
          return absl::DataLossError(absl::StrCat("the TPM says nothing that ", Name(pcr), " can have as its value"));
        }
        values[pcr].assign(reinterpret_cast<const char*>(digest.buffer), digest.size);
      }
    }
    if (at == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("this TPM does not keep ", Name(*left.begin()), "; tpm2_getcap pcrs shows what it keeps"));
    }
  }
  return values;
}

absl::StatusOr<TPM2_HANDLE> PcrGate::LoadAuthority(TpmChannel& channel, const KeyPolicy& policy) const {
  if (!policy.authority.has_value()) return absl::InternalError("there is no authority to load");
  RETURN_IF_ERROR(make_room_());
  TPM2_HANDLE handle = 0;
  const absl::Status loading = channel.Bare(
      "loading the authority's public key",
      [&](TSS2_SYS_CONTEXT* sys) {
        return Tss2_Sys_LoadExternal_Prepare(sys, nullptr, &*policy.authority, TPM2_RH_OWNER);
      },
      [&](TSS2_SYS_CONTEXT* sys) {
        TPM2B_NAME told = {};
        return Tss2_Sys_LoadExternal_Complete(sys, &handle, &told);
      });
  RETURN_IF_ERROR(loading);
  return handle;
}

absl::Status PcrGate::CheckAuthority(TpmChannel& channel, const KeyPolicy& policy) const {
  const auto handle = LoadAuthority(channel, policy);
  if (handle.ok()) return FromTss(channel.Flush(*handle), "making room in the TPM");
  if (RecoveryFor(handle.status()) != Recovery::kNone) return handle.status();
  return absl::InvalidArgumentError(
      absl::StrCat("this TPM does not take the authority's public key: ", handle.status().message()));
}

absl::Status PcrGate::Verify(TpmChannel& channel, BoundKey& key, size_t number) const {
  const PcrApproval& approval = key.binding.approvals[number - 1];
  ASSIGN_OR_RETURN(const TPMT_SIGNATURE signature, ApprovalSignature(library_, key.binding, approval));
  const TPM2B_DIGEST digest = ApprovalDigest(approval);
  ASSIGN_OR_RETURN(const TPM2_HANDLE handle, LoadAuthority(channel, key.policy));
  TPMT_TK_VERIFIED ticket = {};
  const absl::Status verifying = channel.Bare(
      "checking an approval in the TPM",
      [&](TSS2_SYS_CONTEXT* sys) { return Tss2_Sys_VerifySignature_Prepare(sys, handle, &digest, &signature); },
      [&](TSS2_SYS_CONTEXT* sys) { return Tss2_Sys_VerifySignature_Complete(sys, &ticket); });
  RETURN_IF_ERROR(FromTss(channel.Flush(handle), "making room in the TPM"));
  if (!verifying.ok() && RecoveryFor(verifying) == Recovery::kNone) {
    return absl::InvalidArgumentError(
        absl::StrCat("the TPM does not take the signature of the approval: ", verifying.message()));
  }
  RETURN_IF_ERROR(verifying);
  key.tickets[number] = ticket;
  return absl::OkStatus();
}

}  // namespace ddskey::tpm
