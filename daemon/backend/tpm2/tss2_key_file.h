#ifndef DAEMON_BACKEND_TPM2_TSS2_KEY_FILE_H_
#define DAEMON_BACKEND_TPM2_TSS2_KEY_FILE_H_

#include <tss2/tss2_tpm2_types.h>

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/contract/algorithm.h"

namespace ddskey::tpm {

// Tss2KeyFile is a key of a TPM as tpm2-openssl, tpm2-tss and tpm2-tools write it into a file: what is in a PEM block
// "TSS2 PRIVATE KEY" (draft-bottomley-tpm2-keys). Nothing in it is secret: the TPM has encrypted the private part.
struct Tss2KeyFile {
  // Whether the authorisation value is empty, as the file says: tpm2_encodeobject of tpm2-tools 5.4 says the opposite.
  bool empty_auth = false;
  // Handle of the parent: a persistent key, or the owner hierarchy for the primary key that everybody derives who
  // writes such files.
  TPM2_HANDLE parent = 0;
  TPM2B_PUBLIC public_area = {};
  TPM2B_PRIVATE private_area = {};
};

// ParseTss2KeyFile reads the DER of a loadable key, at most 4 KiB. INVALID_ARGUMENT says what is wrong: other kinds of
// such keys (importable, sealed data), policies, another parent than the owner hierarchy or a persistent key, and
// anything that is not in its one right form.
absl::StatusOr<Tss2KeyFile> ParseTss2KeyFile(std::string_view der);

// FormatTss2KeyFile is the inverse.
absl::StatusOr<std::string> FormatTss2KeyFile(const Tss2KeyFile& key);

// CheckTss2PublicArea is whether a key may be one of ours (S-12): it signs, with any scheme, is not restricted, was
// made in its TPM and never leaves it or its parent, has no policy, and has a name of SHA-256. INVALID_ARGUMENT names
// the attribute. A key that decrypts as well is taken, as tpm2-openssl makes no other; nothing here decrypts with it.
absl::Status CheckTss2PublicArea(const TPM2B_PUBLIC& key);

// FeedsLockout tells whether wrong authorisation values for a key count for the TPM's lockout (no noDA).
bool FeedsLockout(const TPM2B_PUBLIC& key);

// AlgorithmOf is what kind of key it is; nothing for one that is not kept here.
std::optional<KeyAlgorithm> AlgorithmOf(const TPM2B_PUBLIC& key);

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_TSS2_KEY_FILE_H_
