#ifndef DAEMON_BACKEND_BOUND_BLOB_H_
#define DAEMON_BACKEND_BOUND_BLOB_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/contract/pcr_binding.h"

namespace ddskey {

// The blob of a key that is bound to registers (SealedKey) begins with what it is bound to, whatever its backend writes
// behind it, so that it can be told while the device is away:
//
//   "DKP1" | registers, 1 octet: how many, and of each: bank (TPM_ALG_ID), 2 octets, and index, 1 octet
//   | their values | label and authority, each 2 octets of size and itself
//   | approvals, 1 octet: how many, and of each: values | signature, 2 octets of size and itself
//
// Nothing of it is secret, nor to be believed without the device: the key's policy holds it to all but the approvals,
// which are signed.

// FormatBinding writes it.
std::string FormatBinding(const PcrBinding& binding);

// TakeBinding takes it from the front of `blob`; nothing if the key is not bound. DATA_LOSS if it is damaged.
absl::StatusOr<std::optional<PcrBinding>> TakeBinding(std::string_view& blob);

// BindingOf is what the key with this blob is bound to; nothing if it is not, or if that is damaged.
std::optional<PcrBinding> BindingOf(std::string_view blob);

}  // namespace ddskey

#endif  // DAEMON_BACKEND_BOUND_BLOB_H_
