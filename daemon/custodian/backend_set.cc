#include "daemon/custodian/backend_set.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace ddskey {

const BackendSet::Entry* BackendSet::FindByName(const std::string& name) const {
  for (const Entry& entry : entries_) {
    if (name.empty() || entry.name == name) return &entry;
  }
  return nullptr;
}

absl::StatusOr<const BackendSet::Entry*> BackendSet::FindForKey(const std::string& uuid, std::string_view blob) const {
  const Entry* named = nullptr;
  const Entry* own = nullptr;
  std::vector<const Entry*> unknown;
  for (const Entry& entry : entries_) {
    const Recognition recognition = entry.backend->Recognize(blob);
    const bool is_named = entry.uuid == uuid;
    if (is_named) named = &entry;
    // One device may be configured twice.
    if (recognition == Recognition::kOwn && (own == nullptr || is_named)) own = &entry;
    if (recognition == Recognition::kUnknown) {
      if (is_named) {
        unknown.assign(1, &entry);
      } else if (unknown.empty() || unknown.front() != named) {
        unknown.push_back(&entry);
      }
    }
  }
  if (own != nullptr) return own;
  if (unknown.size() == 1) return unknown.front();
  if (unknown.size() > 1) {
    std::string names;
    for (const Entry* entry : unknown) absl::StrAppend(&names, names.empty() ? "" : ", ", entry->name);
    return absl::UnavailableError(absl::StrCat(
        "the backend of the key was given another name, and is one of these, which were not reached yet: ", names));
  }
  if (named != nullptr) return named;
  return absl::UnavailableError("the backend that holds the key is not configured any more");
}

bool BackendSet::Holds(const std::string& uuid, std::string_view blob) const {
  const auto entry = FindForKey(uuid, blob);
  // Any of several that were not reached yet may be the one.
  if (!entry.ok()) return MayHold(blob);
  return (*entry)->backend->Recognize(blob) != Recognition::kForeign;
}

bool BackendSet::MayHold(std::string_view blob) const {
  return std::ranges::any_of(
      entries_, [&](const Entry& entry) { return entry.backend->Recognize(blob) == Recognition::kUnknown; });
}

}  // namespace ddskey
