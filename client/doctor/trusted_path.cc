#include "client/doctor/trusted_path.h"

#include <sys/stat.h>

#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace ddskey::doctor {
namespace {

// Steps returns every name on the way to an absolute path, the root left out: "/etc", "/etc/ddskeyd", ...
std::vector<std::string> Steps(const std::string& path) {
  std::vector<std::string> steps;
  std::string at;
  for (const absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    absl::StrAppend(&at, "/", part);
    steps.push_back(at);
  }
  return steps;
}

bool CheckStep(const std::string& path, const FileFacts& facts, uid_t daemon, std::string_view check,
               Findings& findings) {
  const std::string name(check);
  bool good = true;
  if (facts.owner != 0 && facts.owner != daemon) {
    findings.Problem(name + ".owner", absl::StrCat(path, " belongs to user ", facts.owner, ", who could change it"),
                     absl::StrCat("chown root:root ", path));
    good = false;
  }
  // In a sticky folder others can only add.
  const bool sticky = facts.kind == FileKind::kFolder && (facts.mode & S_ISVTX) != 0;
  if (facts.kind != FileKind::kLink && !sticky && (facts.mode & (S_IWGRP | S_IWOTH)) != 0) {
    findings.Problem(name + ".mode",
                     absl::StrCat(path, " can be written by others than its owner (mode ", Octal(facts.mode), ")"),
                     absl::StrCat("chmod go-w ", path));
    good = false;
  }
  return good;
}

}  // namespace

std::string Octal(mode_t mode) { return absl::StrFormat("%04o", mode); }

uid_t DaemonUser(const Host& host) {
  const std::optional<UserFacts> user = host.User("ddskeyd");
  return user.has_value() ? user->uid : 0;
}

bool CheckTrustedPath(const Host& host, const std::string& path, uid_t daemon, std::string_view check,
                      Findings& findings) {
  std::vector<std::string> steps = Steps(path);
  // The way that is written, and the one that it leads to.
  const absl::StatusOr<std::string> real = host.Follow(path);
  if (real.ok() && *real != path) {
    for (std::string& step : Steps(*real)) steps.push_back(std::move(step));
  }
  bool good = true;
  std::set<std::string> seen;
  for (const std::string& step : steps) {
    if (!seen.insert(step).second) continue;
    const absl::StatusOr<FileFacts> facts = host.Look(step);
    if (facts.ok()) good = CheckStep(step, *facts, daemon, check, findings) && good;
  }
  return good;
}

}  // namespace ddskey::doctor
