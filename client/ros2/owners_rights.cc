#include "client/ros2/owners_rights.h"

#include <grp.h>
#include <pwd.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

namespace ddskey::ros2 {
namespace {

constexpr gid_t kNobodysGroup = 65534;

// glibc's setgroups() is for all threads of a process, the system call for one.
#ifdef SYS_setgroups32
constexpr long kSetGroups = SYS_setgroups32;
#else
constexpr long kSetGroups = SYS_setgroups;
#endif

bool SetGroups(const std::vector<gid_t>& groups) { return syscall(kSetGroups, groups.size(), groups.data()) == 0; }

std::vector<gid_t> Groups() {
  std::vector<gid_t> groups(static_cast<size_t>(std::max(getgroups(0, nullptr), 0)));
  groups.resize(static_cast<size_t>(std::max(getgroups(static_cast<int>(groups.size()), groups.data()), 0)));
  return groups;
}

// An owner without an account has no group of which anything is known.
gid_t PrimaryGroupOf(uid_t user) {
  std::string buffer(size_t{16} * 1024, '\0');
  passwd entry = {};
  passwd* found = nullptr;
  if (getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return kNobodysGroup;
  return found->pw_gid;
}

// The calls answer with what was before; that of an id that cannot be changes nothing.
uid_t FileUser() { return static_cast<uid_t>(setfsuid(static_cast<uid_t>(-1))); }
gid_t FileGroup() { return static_cast<gid_t>(setfsgid(static_cast<gid_t>(-1))); }

}  // namespace

absl::StatusOr<std::unique_ptr<OwnersRights>> OwnersRights::Take(uid_t user) {
  std::unique_ptr<OwnersRights> rights(new OwnersRights());
  if (user == geteuid()) return rights;
  if (geteuid() != 0) return absl::PermissionDeniedError("only root acts in the folders of others");
  rights->group_ = FileGroup();
  rights->groups_ = Groups();
  const gid_t group = PrimaryGroupOf(user);
  rights->taken_ = true;
  if (!SetGroups({})) return absl::InternalError("cannot leave the groups of the superuser");
  setfsgid(group);
  setfsuid(user);
  if (FileUser() != user || FileGroup() != group || getgroups(0, nullptr) != 0) {
    return absl::InternalError(absl::StrCat("cannot take the place of the user ", user));
  }
  return rights;
}

OwnersRights::~OwnersRights() {
  if (!taken_) return;
  setfsuid(0);
  setfsgid(group_);
  // Nobody may go on with rights that are not known.
  if (FileUser() != 0 || FileGroup() != group_ || !SetGroups(groups_)) std::abort();
}

}  // namespace ddskey::ros2
