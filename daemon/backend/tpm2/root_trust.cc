#include "daemon/backend/tpm2/root_trust.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace ddskey::tpm {
namespace {

bool Contains(const std::vector<TPM2B_NAME>& names, const TPM2B_NAME& name) {
  return std::any_of(names.begin(), names.end(), [&](const TPM2B_NAME& other) { return SameName(other, name); });
}

// HashSize is the size of a Name's hash, or nothing for a hash that we do not take.
std::optional<size_t> HashSize(TPMI_ALG_HASH hash) {
  switch (hash) {
    case TPM2_ALG_SHA256:
      return TPM2_SHA256_DIGEST_SIZE;
    case TPM2_ALG_SHA384:
      return TPM2_SHA384_DIGEST_SIZE;
    case TPM2_ALG_SHA512:
      return TPM2_SHA512_DIGEST_SIZE;
    default:
      return std::nullopt;
  }
}

}  // namespace

absl::StatusOr<RootTrust> RootTrust::Parse(std::string_view configured) {
  RootTrust trust;
  if (configured.empty()) return trust;
  const absl::Status wrong = absl::InvalidArgumentError(
      "a storage root name is what \"tpm2_readpublic -c 0x81000001\" shows as the name: 000b and a SHA-256 in "
      "hexadecimal, or the same of another SHA-2");
  const auto is_hex = [](char letter) {
    return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f') || (letter >= 'A' && letter <= 'F');
  };
  if (configured.size() % 2 != 0 || configured.size() > 2 * sizeof(TPM2B_NAME::name) ||
      !std::all_of(configured.begin(), configured.end(), is_hex)) {
    return wrong;
  }
  const std::string octets = absl::HexStringToBytes(absl::string_view(configured.data(), configured.size()));
  if (octets.size() < 2) return wrong;
  const auto hash = static_cast<TPMI_ALG_HASH>(static_cast<uint8_t>(octets[0]) << 8 | static_cast<uint8_t>(octets[1]));
  const std::optional<size_t> size = HashSize(hash);
  if (!size.has_value() || octets.size() != 2 + *size) return wrong;
  TPM2B_NAME& name = trust.configured_.emplace_back();
  name.size = static_cast<UINT16>(octets.size());
  std::copy(octets.begin(), octets.end(), name.name);
  return trust;
}

void RootTrust::Know(const TPM2B_NAME& name) {
  if (!Contains(known_, name)) known_.push_back(name);
}

bool RootTrust::Believes(const TPM2B_NAME& name) const { return Contains(configured_, name) || Contains(known_, name); }

bool RootTrust::AllowsNewKeys(const TPM2B_NAME& name) const {
  if (!configured_.empty()) return Contains(configured_, name);
  return known_.empty() || Contains(known_, name);
}

absl::Status RootTrust::Refusal(const TPM2B_NAME& shown) const {
  return absl::FailedPreconditionError(absl::StrCat(
      "the TPM's storage root key has the name ", Hex(shown), ", not ",
      configured_.empty() ? "that of the keys in the key store" : "the configured one",
      ": if the TPM was cleared, replaced or set up anew, compare the name with what tpm2_readpublic -c 0x81000001 "
      "shows and put it into the configuration as storage_root_name; else somebody may sit between it and us"));
}

std::string RootTrust::Describe(const TPM2B_NAME& name) const {
  const char* why = "not known";
  if (known_.empty() && configured_.empty()) why = "trusted when the first key is made";
  if (Contains(known_, name)) why = "that of keys in the key store";
  if (Contains(configured_, name)) why = "as configured";
  return absl::StrCat("storage root key ", Hex(name), " (", why, ")");
}

std::string Hex(const TPM2B_NAME& name) {
  return absl::BytesToHexString({reinterpret_cast<const char*>(name.name), name.size});
}

bool SameName(const TPM2B_NAME& a, const TPM2B_NAME& b) {
  return a.size == b.size && memcmp(a.name, b.name, a.size) == 0;
}

}  // namespace ddskey::tpm
