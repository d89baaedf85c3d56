#ifndef DAEMON_BACKEND_TPM2_KEY_BLOB_H_
#define DAEMON_BACKEND_TPM2_KEY_BLOB_H_

#include <tss2/tss2_tpm2_types.h>

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/contract/pcr_binding.h"

namespace ddskey::tpm {

// KeyBlob is how a TPM key lies in the key store:
//
//   "DKT1" | authorisation, 1 octet: 0 empty, 1 derived | name of the parent (TPM2B)
//   | if derived: secret id, 8 octets, and salt, 32 octets | TPM2B_PUBLIC | TPM2B_PRIVATE
//
// Nothing in it is secret: the private part is encrypted by the TPM under the parent, and bound to the public area,
// which holds algorithm and purpose (see KeyTemplate). In front of it stands what the key is bound to, if it is
// (see bound_blob.h and KeyPolicy). An authorisation value
// is never in it: derived ones are HKDF(secret of the installation, salt).
struct KeyBlob {
  TPM2B_NAME parent = {};
  bool has_auth = false;
  std::string secret_id;
  std::string salt;
  TPM2B_PUBLIC public_area = {};
  TPM2B_PRIVATE private_area = {};
  std::optional<PcrBinding> binding = std::nullopt;
};

// SerializeBlob writes a blob.
absl::StatusOr<std::string> SerializeBlob(const KeyBlob& blob);

// ParseBlob is the inverse. DATA_LOSS unless `octets` is one blob and nothing else.
absl::StatusOr<KeyBlob> ParseBlob(std::string_view octets);

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_KEY_BLOB_H_
