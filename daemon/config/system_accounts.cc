#include "daemon/config/system_accounts.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <vector>

namespace ddskey {
namespace {

// Groups can have very many members.
constexpr size_t kMaxEntryOctets = size_t{4} << 20;

template <typename Entry, typename Lookup>
std::optional<Entry> Find(const std::string& name, Lookup lookup) {
  for (std::vector<char> buffer(4096); buffer.size() <= kMaxEntryOctets; buffer.resize(buffer.size() * 4)) {
    Entry entry = {};
    Entry* found = nullptr;
    const int error = lookup(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE) continue;
    if (error != 0 || found == nullptr) return std::nullopt;
    return entry;
  }
  return std::nullopt;
}

}  // namespace

Accounts SystemAccounts() {
  // Only the numbers of an entry are used: its strings go with the buffer.
  return {
      .uid_of = [](const std::string& name) -> std::optional<uid_t> {
        const auto entry = Find<passwd>(name, getpwnam_r);
        return entry.has_value() ? std::optional(entry->pw_uid) : std::nullopt;
      },
      .gid_of = [](const std::string& name) -> std::optional<gid_t> {
        const auto entry = Find<group>(name, getgrnam_r);
        return entry.has_value() ? std::optional(entry->gr_gid) : std::nullopt;
      },
  };
}

}  // namespace ddskey
