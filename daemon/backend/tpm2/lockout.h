#ifndef DAEMON_BACKEND_TPM2_LOCKOUT_H_
#define DAEMON_BACKEND_TPM2_LOCKOUT_H_

#include <tss2/tss2_tpm2_types.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/backend/tpm2/tpm_connection.h"

namespace ddskey::tpm {

// Lockout is how a TPM's protection against the guessing of passwords stands (TPM 2.0 Part 1, 19.8). Objects with noDA,
// as all of ours are, neither count in it nor suffer from it (S-12): the daemon never makes a guess that counts, so it
// is other programs' failures that it tells of.
struct Lockout {
  bool locked = false;
  uint32_t failures = 0;
  uint32_t most_failures = 0;
  // After how many seconds one failure is forgotten; zero for never.
  uint32_t interval = 0;
};

// ReadLockout asks the TPM; it costs one command.
absl::StatusOr<Lockout> ReadLockout(TpmConnection& connection);

// LockoutFrom reads it from the TPM's variable properties.
Lockout LockoutFrom(const TPML_TAGGED_TPM_PROPERTY& properties);

// Describe says what is out of the ordinary, for how long, and what to do, as a sentence; empty if nothing is.
std::string Describe(const Lockout& lockout);

// MayGuess says whether something whose failure counts may be tried: not if the TPM would lock at it, or is locked.
// RESOURCE_EXHAUSTED says for how long.
absl::Status MayGuess(const Lockout& lockout);

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_LOCKOUT_H_
