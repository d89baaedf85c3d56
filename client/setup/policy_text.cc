#include "client/setup/policy_text.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/setup/accounts.h"
#include "policy/policy.h"
#include "policy/subject.h"
#include "proto/contract/status_macros.h"

namespace ddskey::setup {
namespace {

constexpr Action kAdministration[] = {Action::kKeyCreate,     Action::kKeyImport,     Action::kKeyList,
                                      Action::kKeyDelete,     Action::kCsrCreate,     Action::kCertificateInstall,
                                      Action::kTrustChange,   Action::kOcspInstall,   Action::kIdentityRenew,
                                      Action::kIdentityState, Action::kStoreCheck,    Action::kBackup,
                                      Action::kRestore,       Action::kAttest,        Action::kCredentialActivate,
                                      Action::kPcrApprove,    Action::kBackendUnlock, Action::kStatus};

// Of the list of operations in the text.
constexpr size_t kWidth = 100;

// What setup itself asks the daemon for. Who has taken some of the rest from root has meant to.
constexpr Action kNeeded[] = {Action::kKeyCreate, Action::kKeyList, Action::kCsrCreate, Action::kCertificateInstall,
                              Action::kStatus};

absl::StatusOr<std::shared_ptr<const Policy>> Parse(const std::string& text, const std::string& file) {
  const auto uid_of = [](const std::string& name) -> std::optional<uid_t> {
    const std::optional<Account> account = AccountNamed(name);
    if (!account.has_value() || account->name != name) return std::nullopt;
    return account->uid;
  };
  return Policy::Parse(text, file, {.uid_of = uid_of, .gid_of = &GroupNamed});
}

Subject SubjectOf(const Right& right) {
  Subject subject;
  subject.uid = right.uid;
  // Any process will do; only one that the kernel cannot name matches no rule.
  subject.pid = 1;
  // A rule about a group of his allows or denies him, too.
  if (const std::optional<Account> account = AccountNamed(absl::StrCat(right.uid))) {
    subject.gid = account->gid;
    subject.groups = account->groups;
  }
  return subject;
}

std::string Name(Action action) { return std::string(ActionName(action)); }

// UniqueName is `wanted`, or that with a number behind it: such that no rule of `text` can have it.
std::string UniqueName(const std::string& text, const std::string& wanted) {
  const auto taken = [&text](const std::string& name) {
    return text.find(absl::StrCat("\"", name, "\"")) != std::string::npos ||
           text.find(absl::StrCat("'", name, "'")) != std::string::npos;
  };
  std::string name = wanted;
  for (int number = 2; taken(name); ++number) name = absl::StrCat(wanted, ".", number);
  return name;
}

std::string AdministrationRule(const std::string& name) {
  std::string operations;
  size_t width = 0;
  for (const Action action : kAdministration) {
    const std::string operation = Name(action);
    if (width + operation.size() > kWidth) {
      absl::StrAppend(&operations, ",\n              ");
      width = 0;
    } else if (width > 0) {
      absl::StrAppend(&operations, ", ");
    }
    absl::StrAppend(&operations, operation);
    width += operation.size() + 2;
  }
  return absl::StrCat("rule {\n  name: \"", name,
                      "\"\n  effect: ALLOW\n  caller { uid: 0 }\n  key: \"*\"\n  operation: [", operations, "]\n}\n");
}

std::string RuleFor(const Right& right, const std::string& name) {
  // An account's name may have anything in it.
  const bool plain = !right.user.empty() && std::ranges::all_of(right.user, [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '\\';
  });
  const std::string caller = plain ? absl::StrCat("user: \"", right.user, "\"") : absl::StrCat("uid: ", right.uid);
  return absl::StrCat("rule {\n  name: \"", name, "\"\n  effect: ALLOW\n  caller { ", caller, " }\n  key: \"",
                      right.identity, "\"\n  operation: ", Name(right.action), "\n}\n");
}

bool RootAdministers(const Policy& policy) {
  const Subject root{.uid = 0, .gid = 0, .groups = {}, .pid = 1, .start_time = 0};
  return std::ranges::all_of(kNeeded, [&](Action action) { return policy.Evaluate(root, action, "").allowed; });
}

}  // namespace

absl::StatusOr<ExtendedPolicy> ExtendPolicy(std::string_view text, const std::string& file,
                                            const std::vector<Right>& rights) {
  ExtendedPolicy extended{.text = std::string(text), .added = "", .rule_count = 0};
  ASSIGN_OR_RETURN(std::shared_ptr<const Policy> policy, Parse(extended.text, file));
  const auto add = [&](const std::string& rule) -> absl::Status {
    if (!extended.text.empty() && !extended.text.ends_with('\n')) extended.text.push_back('\n');
    extended.text += rule;
    extended.added += rule;
    ASSIGN_OR_RETURN(policy, Parse(extended.text, file));
    return absl::OkStatus();
  };
  if (!RootAdministers(*policy)) {
    RETURN_IF_ERROR(add(AdministrationRule(UniqueName(extended.text, "administration"))));
    if (!RootAdministers(*policy)) {
      return absl::FailedPreconditionError(absl::StrCat(
          file, " denies root what setup has to do (KEY_CREATE, KEY_LIST, CSR_CREATE, CERTIFICATE_INSTALL, STATUS)"));
    }
  }
  for (const Right& right : rights) {
    const Subject subject = SubjectOf(right);
    if (policy->Evaluate(subject, right.action, right.identity).allowed) continue;
    RETURN_IF_ERROR(add(RuleFor(right, UniqueName(extended.text, right.identity))));
    const Decision decision = policy->Evaluate(subject, right.action, right.identity);
    if (!decision.allowed) {
      return absl::FailedPreconditionError(absl::StrCat(file, " keeps the user ",
                                                        right.user.empty() ? absl::StrCat(right.uid) : right.user,
                                                        " from the key ", right.identity, ": ", decision.reason));
    }
  }
  extended.rule_count = policy->rule_count();
  return extended;
}

}  // namespace ddskey::setup
