// Authorisation values that somebody gives while the daemon runs.
#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "daemon/backend/derive_secret.h"
#include "daemon/backend/secret_source.h"
#include "daemon/backend/tpm2/tpm_device.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

// Copy is the value in locked memory of our own, with `more` octets of newline behind it.
absl::StatusOr<SecretBytes> Copy(const SecretBytes& value, size_t more = 0) {
  ASSIGN_OR_RETURN(SecretBytes copy, SecretBytes::Allocate(value.size() + more));
  const std::span<uint8_t> octets = copy.Reveal(SecretAccess());
  std::ranges::copy(value.Reveal(SecretAccess()), octets.begin());
  std::ranges::fill(octets.last(more), '\n');
  return copy;
}

}  // namespace

absl::Status TpmDevice::Unlock(const UnlockRequest& request) {
  const absl::Status status = UnlockOne(request);
  SayWhatIsMissing();
  return status;
}

absl::Status TpmDevice::UnlockOne(const UnlockRequest& request) {
  if (request.kind == AuthKind::kKeys) return UnlockKeys(*request.value);
  ASSIGN_OR_RETURN(SecretBytes value, Copy(*request.value));
  // That it misses the owner's value it says when it is tried without: once is enough.
  const bool known = request.kind == AuthKind::kOwner && connection_ != nullptr && parents_.Misses(request.kind);
  const absl::Status ready = known ? absl::OkStatus() : EnsureReady();
  if (!ready.ok() && !parents_.Misses(request.kind)) return ready;
  // Away, though it was there when it said what it waits for.
  if (channel_ == nullptr) return ready.ok() ? absl::UnavailableError("the TPM is away") : ready;
  if (request.kind == AuthKind::kParent) return parents_.TryStorageRoot(*channel_, std::move(value));
  RETURN_IF_ERROR(parents_.TryOwner(*channel_, std::move(value)));
  return EnsureReady();
}

absl::Status TpmDevice::UnlockKeys(const SecretBytes& value) {
  if (secret_.has_value()) {
    return absl::FailedPreconditionError("this backend has the value for its keys already");
  }
  // Any value would do for keys to come, and lock them with it.
  if (secret_ids_.empty()) {
    return absl::FailedPreconditionError("this backend does not wait for the value of its keys: none of them has one");
  }
  // A credential that ends in a newline is another value than the line that somebody types.
  for (const size_t newlines : {0, 1}) {
    ASSIGN_OR_RETURN(const SecretBytes typed, Copy(value, newlines));
    ASSIGN_OR_RETURN(SecretBytes secret, HashedSecret(typed));
    ASSIGN_OR_RETURN(std::string id, SecretId(library_, secret));
    if (!secret_ids_.contains(id)) continue;
    secret_.emplace(AuthSecret{std::move(secret), std::move(id)});
    monitor_.SetSecretOrigin("a value that an administrator gave");
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError("this is not the value that the keys of this backend were made with");
}

void TpmDevice::SayWhatIsMissing() {
  std::vector<AuthKind> missing;
  for (const AuthKind kind : {AuthKind::kOwner, AuthKind::kParent}) {
    if (parents_.Misses(kind)) missing.push_back(kind);
  }
  if (!secret_.has_value() && !secret_ids_.empty()) missing.push_back(AuthKind::kKeys);
  monitor_.SetMissing(std::move(missing));
}

}  // namespace ddskey::tpm
