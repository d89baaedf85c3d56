#ifndef DAEMON_BACKEND_TPM2_PCR_GATE_H_
#define DAEMON_BACKEND_TPM2_PCR_GATE_H_

#include <tss2/tss2_tpm2_types.h>

#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/tpm2/key_policy.h"
#include "daemon/backend/tpm2/tpm_channel.h"
#include "proto/contract/pcr_binding.h"

namespace ddskey::tpm {

// BoundKey is a loaded key that is bound to registers.
struct BoundKey {
  PcrBinding binding;
  KeyPolicy policy;
  // Which values the registers had the last time: 0 those when it was made, then those of approvals.
  size_t likely = 0;
  // What the TPM gave for approvals that it has verified, by the same numbers. Good until the TPM is reset.
  std::map<size_t, TPMT_TK_VERIFIED> tickets;
};

// PcrGate brings the policy session of a channel to where it lets a bound key sign, by the values that the registers
// have at that moment: each signature needs it anew. For one thread.
class PcrGate {
 public:
  // `make_room` leaves a place for a loaded object in the TPM to the authority's public key.
  PcrGate(const CryptoLibrary& library, std::function<absl::Status()> make_room);

  // Open is for the next signature; the channel must have a policy session. FAILED_PRECONDITION, marked as a
  // kKeyProblem, names the registers that have another value than any the key may be used with.
  absl::Status Open(TpmChannel& channel, BoundKey& key) const;

  // Read asks for the values of registers. INVALID_ARGUMENT if the TPM does not keep one of them.
  absl::StatusOr<PcrValues> Read(TpmChannel& channel, const PcrSelection& selection) const;

  // Verify has the TPM check the approval of this number. What it finds wrong is an INVALID_ARGUMENT.
  absl::Status Verify(TpmChannel& channel, BoundKey& key, size_t number) const;

  // CheckAuthority is whether this TPM can check signatures of the policy's authority. INVALID_ARGUMENT if not.
  absl::Status CheckAuthority(TpmChannel& channel, const KeyPolicy& policy) const;

 private:
  absl::StatusOr<TPM2_HANDLE> LoadAuthority(TpmChannel& channel, const KeyPolicy& policy) const;
  absl::StatusOr<bool> Try(TpmChannel& channel, BoundKey& key, size_t number) const;
  absl::Status Explain(const PcrBinding& binding, const PcrValues& now) const;

  const CryptoLibrary& library_;
  const std::function<absl::Status()> make_room_;
};

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_PCR_GATE_H_
