#ifndef DAEMON_BACKEND_TPM2_ROOT_TRUST_H_
#define DAEMON_BACKEND_TPM2_ROOT_TRUST_H_

#include <tss2/tss2_tpm2_types.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ddskey::tpm {

// RootTrust says which storage root keys are the TPM's, and not somebody's who sits between it and us. A key is known
// by its Name, the hash of its public area:
//
// - the one in the configuration, as `tpm2_readpublic -c 0x81000001` shows it: then new keys are made under no other;
// - the parents of keys in the key store, which were remembered with them;
// - if there is neither, the one that the TPM shows when the first key is made: trust on first use. Who taps the bus at
//   that moment, and answers for the TPM, gets away with it; comparing the Name in `ddskeyctl status` with the one that
//   the TPM shows when nobody taps finds that out.
//
// For one thread.
class RootTrust {
 public:
  // Parse takes the configured Name in hexadecimal, or nothing. INVALID_ARGUMENT if it is no Name with a hash of SHA-2.
  static absl::StatusOr<RootTrust> Parse(std::string_view configured);

  // Know adds the parent of a key in the key store.
  void Know(const TPM2B_NAME& name);

  // Believes tells whether the key of that name is the TPM's.
  bool Believes(const TPM2B_NAME& name) const;

  // AllowsNewKeys tells whether keys may be made under the key of that name; the first use is allowed.
  bool AllowsNewKeys(const TPM2B_NAME& name) const;

  // Refusal says that the TPM shows only storage root keys, the last being `shown`, that new keys may not have as a
  // parent, and what to do: FAILED_PRECONDITION.
  absl::Status Refusal(const TPM2B_NAME& shown) const;

  // Describe puts what is known about the key of that name in words.
  std::string Describe(const TPM2B_NAME& name) const;

 private:
  // One name, or none.
  std::vector<TPM2B_NAME> configured_;
  std::vector<TPM2B_NAME> known_;
};

// Hex is a Name in hexadecimal.
std::string Hex(const TPM2B_NAME& name);

// SameName compares two Names.
bool SameName(const TPM2B_NAME& a, const TPM2B_NAME& b);

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_ROOT_TRUST_H_
