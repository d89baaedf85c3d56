#include "client/setup/accounts.h"

#include <grp.h>
#include <pwd.h>

#include <charconv>
#include <cstddef>

namespace ddskey::setup {
namespace {

constexpr size_t kBuffer = size_t{16} * 1024;
constexpr int kMostGroups = 1024;

Account Filled(const passwd& entry) {
  Account account{.uid = entry.pw_uid, .gid = entry.pw_gid, .groups = {}, .name = entry.pw_name};
  int count = kMostGroups;
  account.groups.resize(kMostGroups);
  if (getgrouplist(entry.pw_name, entry.pw_gid, account.groups.data(), &count) < 0) count = 0;
  account.groups.resize(static_cast<size_t>(count));
  return account;
}

}  // namespace

std::optional<Account> AccountNamed(const std::string& text) {
  std::string buffer(kBuffer, '\0');
  passwd entry = {};
  passwd* found = nullptr;
  if (getpwnam_r(text.c_str(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return Filled(entry);
  }
  uid_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (getpwuid_r(number, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) return Filled(entry);
  return Account{.uid = number, .gid = number, .groups = {}, .name = ""};
}

std::optional<gid_t> GroupNamed(const std::string& name) {
  std::string buffer(kBuffer, '\0');
  group entry = {};
  group* found = nullptr;
  if (getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  return found->gr_gid;
}

}  // namespace ddskey::setup
