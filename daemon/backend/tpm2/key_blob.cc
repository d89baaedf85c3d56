#include "daemon/backend/tpm2/key_blob.h"

#include <tss2/tss2_mu.h>

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "daemon/backend/bound_blob.h"
#include "daemon/backend/tpm2/tss_status.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

constexpr std::string_view kMagic = "DKT1";
constexpr size_t kIdSize = 8;
constexpr size_t kSaltSize = 32;
constexpr size_t kLargest = 4096;

const uint8_t* Octets(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }

}  // namespace

absl::StatusOr<std::string> SerializeBlob(const KeyBlob& blob) {
  std::array<uint8_t, kLargest> octets;
  size_t size = 0;
  RETURN_IF_ERROR(FromTss(Tss2_MU_TPM2B_NAME_Marshal(&blob.parent, octets.data(), octets.size(), &size),
                          "writing a TPM key's blob"));
  std::string result = blob.binding.has_value() ? FormatBinding(*blob.binding) : "";
  result += kMagic;
  result.push_back(blob.has_auth ? 1 : 0);
  result.append(reinterpret_cast<char*>(octets.data()), size);
  if (blob.has_auth) result += blob.secret_id + blob.salt;
  size = 0;
  RETURN_IF_ERROR(FromTss(Tss2_MU_TPM2B_PUBLIC_Marshal(&blob.public_area, octets.data(), octets.size(), &size),
                          "writing a TPM key's blob"));
  RETURN_IF_ERROR(FromTss(Tss2_MU_TPM2B_PRIVATE_Marshal(&blob.private_area, octets.data(), octets.size(), &size),
                          "writing a TPM key's blob"));
  result.append(reinterpret_cast<char*>(octets.data()), size);
  return result;
}

absl::StatusOr<KeyBlob> ParseBlob(std::string_view octets) {
  const absl::Status damaged = absl::DataLossError("the stored key is not one of a TPM, or damaged");
  const std::string_view all = octets;
  KeyBlob blob;
  ASSIGN_OR_RETURN(blob.binding, TakeBinding(octets));
  if (octets.size() > kLargest || octets.size() <= kMagic.size() || !octets.starts_with(kMagic)) return damaged;
  const char auth = octets[kMagic.size()];
  if (auth != 0 && auth != 1) return damaged;
  blob.has_auth = auth == 1;
  size_t at = kMagic.size() + 1;
  if (Tss2_MU_TPM2B_NAME_Unmarshal(Octets(octets), octets.size(), &at, &blob.parent) != TSS2_RC_SUCCESS) return damaged;
  if (blob.has_auth) {
    if (octets.size() - at < kIdSize + kSaltSize) return damaged;
    blob.secret_id = octets.substr(at, kIdSize);
    blob.salt = octets.substr(at + kIdSize, kSaltSize);
    at += kIdSize + kSaltSize;
  }
  if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(Octets(octets), octets.size(), &at, &blob.public_area) != TSS2_RC_SUCCESS ||
      Tss2_MU_TPM2B_PRIVATE_Unmarshal(Octets(octets), octets.size(), &at, &blob.private_area) != TSS2_RC_SUCCESS ||
      at != octets.size()) {
    return damaged;
  }
  // Unmarshalling forgives sizes that contradict what they count.
  const auto again = SerializeBlob(blob);
  if (!again.ok() || *again != all) return damaged;
  return blob;
}

}  // namespace ddskey::tpm
