#include "daemon/custodian/warning_memory.h"

#include "absl/strings/str_cat.h"
#include "daemon/handshake/digest.h"

namespace ddskey {
namespace {

constexpr size_t kMost = 4096;
constexpr absl::Duration kAgain = absl::Hours(24);

}  // namespace

bool WarningMemory::IsNew(const std::string& key_name, const std::string& digest, const std::string& warning,
                          absl::Time now) {
  const std::string about = Sha256(absl::StrCat(key_name.size(), ":", key_name, digest, warning));
  const std::lock_guard lock(mutex_);
  const auto known = said_.find(about);
  // A clock that was set back says it again.
  if (known != said_.end() && now >= known->second && now < known->second + kAgain) return false;
  if (said_.size() >= kMost) said_.clear();
  said_.insert_or_assign(about, now);
  return true;
}

}  // namespace ddskey
