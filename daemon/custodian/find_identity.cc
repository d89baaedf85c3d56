#include "daemon/custodian/find_identity.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace ddskey {

absl::Status NoSuchKey(const std::string& name) {
  return absl::NotFoundError(absl::StrCat("there is no key \"", name, "\"; see: ddskeyctl key list"));
}

absl::StatusOr<KeyName> ParseKeyName(const std::string& name) {
  auto parsed = KeyName::Parse(name);
  if (!parsed.has_value()) {
    return absl::InvalidArgumentError(
        "a key name has 1 to 63 letters, digits, dots, underscores and hyphens, the first a letter or a digit");
  }
  return *std::move(parsed);
}

absl::StatusOr<std::shared_ptr<const Identity>> FindActive(const KeyStore& keys, const std::string& name) {
  ASSIGN_OR_RETURN(const KeyName parsed, ParseKeyName(name));
  auto identity = keys.Find(parsed);
  if (!identity.ok() || (*identity)->deleted) return NoSuchKey(name);
  return *std::move(identity);
}

absl::Status CheckNotKept(const KeyStore& keys, const KeyName& name, const std::string& public_key) {
  for (const auto& identity : keys.List()) {
    if (identity->name.text() == name.text()) continue;
    if (std::ranges::find(identity->generations, public_key, &KeyGeneration::public_key) ==
        identity->generations.end()) {
      continue;
    }
    return absl::AlreadyExistsError(absl::StrCat("this key is in the keystore already, under the name \"",
                                                 identity->name.text(), "\"",
                                                 identity->deleted ? ", which is deleted but not purged" : ""));
  }
  return absl::OkStatus();
}

}  // namespace ddskey
