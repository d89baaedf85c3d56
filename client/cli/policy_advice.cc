#include "client/cli/policy_advice.h"

#include <grp.h>
#include <pwd.h>

#include <charconv>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/file.h"
#include "policy/accounts.h"
#include "policy/policy.h"
#include "policy/subject.h"

namespace ddskey::cli {
namespace {

constexpr size_t kBuffer = size_t{16} * 1024;
constexpr int kMostGroups = 1024;

std::optional<uid_t> UidOf(const std::string& name) {
  std::string buffer(kBuffer, '\0');
  passwd entry = {};
  passwd* found = nullptr;
  if (getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  return found->pw_uid;
}

std::optional<gid_t> GidOf(const std::string& name) {
  std::string buffer(kBuffer, '\0');
  group entry = {};
  group* found = nullptr;
  if (getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  return found->gr_gid;
}

// Account fills in the groups of `subject` and returns the name of its user; empty if there is no such account.
std::string Account(Subject& subject) {
  std::string buffer(kBuffer, '\0');
  passwd entry = {};
  passwd* found = nullptr;
  if (getpwuid_r(subject.uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return "";
  subject.gid = found->pw_gid;
  int count = kMostGroups;
  subject.groups.resize(kMostGroups);
  if (getgrouplist(found->pw_name, found->pw_gid, subject.groups.data(), &count) < 0) count = 0;
  subject.groups.resize(static_cast<size_t>(count));
  return found->pw_name;
}

std::string Allows(const v1::GetStatusResponse& daemon, const Subject& subject, Action action, const std::string& key) {
  if (daemon.policy_file().empty()) return "no";
  // What is in force is not what is in the file.
  if (!daemon.policy_error().empty()) return "unknown";
  const absl::StatusOr<std::string> text = ReadLargeDocument(daemon.policy_file());
  if (!text.ok()) return "unknown";
  const auto policy = Policy::Parse(*text, daemon.policy_file(), {.uid_of = &UidOf, .gid_of = &GidOf});
  if (!policy.ok()) return "unknown";
  return (*policy)->Evaluate(subject, action, key).allowed ? "yes" : "no";
}

}  // namespace

PolicyAdvice AdviseOn(AdminClient& admin, uid_t user, Action action, const std::string& key) {
  Subject subject;
  subject.uid = user;
  // Any process will do; only one that the kernel cannot name matches no rule.
  subject.pid = 1;
  const std::string account = Account(subject);
  PolicyAdvice advice;
  const std::string_view operation = ActionName(action);
  advice.rule =
      absl::StrCat("rule { name: \"", key, "\" effect: ALLOW caller { ",
                   account.empty() ? absl::StrCat("uid: ", user) : absl::StrCat("user: \"", account, "\""),
                   " } key: \"", key, "\" operation: ", absl::string_view(operation.data(), operation.size()), " }");
  const absl::StatusOr<v1::GetStatusResponse> daemon = admin.GetStatus(v1::GetStatusRequest());
  if (!daemon.ok()) return advice;
  advice.policy_file = daemon->policy_file();
  advice.allows = Allows(*daemon, subject, action, key);
  return advice;
}

std::optional<uid_t> UserNamed(const std::string& text) {
  uid_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  return UidOf(text);
}

}  // namespace ddskey::cli
