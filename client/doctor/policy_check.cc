#include "client/doctor/policy_check.h"

#include <google/protobuf/text_format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/doctor/trusted_path.h"
#include "ddskey/v1/policy.pb.h"

namespace ddskey::doctor {
namespace {

// Who names who does not exist gets a number that no account has, so that the rest is still looked at.
constexpr uid_t kStandIn = 4'294'900'000;

// Any process will do; only one that the kernel cannot name matches no rule.
constexpr pid_t kSomeProcess = 1;

bool IsUse(int operation) {
  return operation == v1::HANDSHAKE || operation == v1::SIGN_DIGEST || operation == v1::SIGN_PKCS1 ||
         operation == v1::SIGN_PARTICIPANT_DATA;
}

bool AllowsUse(const v1::Rule& rule) {
  return rule.effect() == v1::ALLOW && std::ranges::any_of(rule.operation(), &IsUse);
}

// IsEverything tells whether a pattern fits every key: "*", "**".
bool IsEverything(const std::string& pattern) {
  return !pattern.empty() && pattern.find_first_not_of('*') == std::string::npos;
}

Action UseOf(const v1::Key& key) { return key.purpose() == "digest" ? Action::kSignDigest : Action::kHandshake; }

std::string NameOf(const v1::Rule& rule) { return absl::StrCat("the rule \"", rule.name(), "\""); }

// Reader looks at the rules one by one.
class Reader {
 public:
  Reader(const Host& host, std::string path, Findings& findings)
      : host_(host), path_(std::move(path)), findings_(findings) {}

  // Parse returns null if there are mistakes, which are findings then.
  std::shared_ptr<const Policy> Parse(const std::string& text);

  void Look(const v1::Policy& policy, const std::vector<v1::Key>& keys);
  void LookForUnusedKeys(const Policy& policy, const std::vector<v1::Key>& keys);

  std::vector<UserFacts> TakeUsers() { return std::move(users_); }

 private:
  std::string Correct() const { return absl::StrCat("edit ", path_, ", then: systemctl reload ddskeyd"); }
  void LookAtCaller(const v1::Rule& rule, const v1::Caller& caller);
  void LookAtKeys(const v1::Rule& rule, const std::vector<v1::Key>& keys);

  const Host& host_;
  const std::string path_;
  Findings& findings_;
  std::vector<UserFacts> users_;
  // Whoever some rule lets use keys.
  std::vector<Subject> callers_;
};

std::shared_ptr<const Policy> Reader::Parse(const std::string& text) {
  std::set<std::string> unknown;
  const auto complain = [&](const char* kind, const std::string& name) {
    if (!unknown.insert(absl::StrCat(kind, name)).second) return;
    findings_.Problem(absl::StrCat("policy.", kind),
                      absl::StrCat(path_, " names the ", kind, " ", name,
                                   ", which does not exist: the daemon does not take a policy that does"),
                      absl::StrCat(std::string_view(kind) == "user" ? "adduser --system --group " : "groupadd ", name,
                                   " && systemctl reload ddskeyd"));
  };
  Accounts accounts;
  accounts.uid_of = [&](const std::string& name) -> std::optional<uid_t> {
    const std::optional<UserFacts> user = host_.User(name);
    if (user.has_value() && user->name == name) return user->uid;
    complain("user", name);
    return kStandIn;
  };
  accounts.gid_of = [&](const std::string& name) -> std::optional<gid_t> {
    const std::optional<gid_t> group = host_.Group(name);
    if (group.has_value()) return group;
    complain("group", name);
    return kStandIn;
  };
  const auto parsed = Policy::Parse(text, path_, accounts);
  if (parsed.ok()) return *parsed;
  for (const absl::string_view line : absl::StrSplit(parsed.status().message(), '\n')) {
    findings_.Problem("policy.parse", std::string(line), Correct());
  }
  return nullptr;
}

void Reader::LookAtCaller(const v1::Rule& rule, const v1::Caller& caller) {
  const bool names_user = caller.has_uid() || !caller.user().empty();
  const bool every_key = std::ranges::any_of(rule.key(), &IsEverything);
  if (!names_user) {
    Subject subject = {.uid = kStandIn, .gid = caller.gid(), .groups = {}, .pid = kSomeProcess, .start_time = 0};
    if (!caller.group().empty()) subject.gid = host_.Group(caller.group()).value_or(kStandIn);
    if (!caller.has_gid()) subject.groups.push_back(subject.gid);
    if (caller.has_gid()) subject.groups.push_back(caller.gid());
    callers_.push_back(subject);
    if (every_key) {
      findings_.Problem("policy.everybody",
                        absl::StrCat(NameOf(rule), " lets every member of a group use every key, also those to come"),
                        Correct());
    }
    return;
  }
  const std::string name = caller.user().empty() ? absl::StrCat(caller.uid()) : caller.user();
  const std::optional<UserFacts> user = host_.User(name);
  Subject subject = {.uid = caller.uid(), .gid = caller.uid(), .groups = {}, .pid = kSomeProcess, .start_time = 0};
  if (user.has_value()) {
    subject.uid = user->uid;
    subject.gid = user->gid;
    subject.groups = user->groups;
    const auto same = [&](const UserFacts& known) { return known.uid == user->uid; };
    if (std::ranges::none_of(users_, same)) users_.push_back(*user);
  } else if (caller.user().empty()) {
    findings_.Warn("policy.uid", absl::StrCat(NameOf(rule), " is about uid ", name, ", which no account has"),
                   Correct());
  }
  callers_.push_back(subject);
  if (every_key && subject.uid != 0) {
    findings_.Warn("policy.every-key",
                   absl::StrCat(NameOf(rule), " lets the user ", name, " use every key, also those to come"),
                   absl::StrCat("name the keys in ", path_, ", then: systemctl reload ddskeyd"));
  }
}

void Reader::LookAtKeys(const v1::Rule& rule, const std::vector<v1::Key>& keys) {
  for (const std::string& pattern : rule.key()) {
    if (pattern.find('*') != std::string::npos) continue;
    if (std::ranges::any_of(keys, [&](const v1::Key& key) { return key.name() == pattern; })) continue;
    findings_.Warn("policy.no-such-key",
                   absl::StrCat(NameOf(rule), " is about the key ", pattern, ", which is not there"),
                   absl::StrCat("ddskeyctl identity create ", pattern, " --subject /CN=", pattern, " --ca FILE"));
  }
}

void Reader::Look(const v1::Policy& policy, const std::vector<v1::Key>& keys) {
  bool grants = false;
  for (const v1::Rule& rule : policy.rule()) {
    if (!AllowsUse(rule)) continue;
    grants = true;
    for (const v1::Caller& caller : rule.caller()) LookAtCaller(rule, caller);
    LookAtKeys(rule, keys);
  }
  if (!grants) {
    findings_.Warn("policy.nothing", absl::StrCat("no rule of ", path_, " lets anybody use a key"),
                   absl::StrCat("add to ", path_,
                                ": rule { name: \"NAME\" effect: ALLOW caller { user: \"USER\" } key: \"KEY\" "
                                "operation: HANDSHAKE }, then: systemctl reload ddskeyd"));
  }
}

void Reader::LookForUnusedKeys(const Policy& policy, const std::vector<v1::Key>& keys) {
  for (const v1::Key& key : keys) {
    if (key.state() != "active") continue;
    const Action use = UseOf(key);
    if (std::ranges::any_of(callers_,
                            [&](const Subject& caller) { return policy.Evaluate(caller, use, key.name()).allowed; })) {
      continue;
    }
    findings_.Warn("policy.unused-key", absl::StrCat("no rule lets anybody use the key ", key.name()),
                   absl::StrCat("add to ", path_, ": rule { name: \"", key.name(),
                                "\" effect: ALLOW caller { user: \"USER\" } key: \"", key.name(),
                                "\" operation: ", std::string(ActionName(use)), " }, then: systemctl reload ddskeyd"));
  }
}

}  // namespace

PolicyOnDisk CheckPolicy(const Host& host, const std::string& path, const std::vector<v1::Key>& keys,
                         Findings& findings) {
  const absl::StatusOr<std::string> text = host.Read(path);
  if (absl::IsNotFound(text.status())) {
    findings.Warn("policy.file", absl::StrCat("there is no ", path, ": root administers and nobody uses a key"),
                  "ddskeyctl setup");
    return {};
  }
  if (!text.ok()) {
    findings.Warn("policy.file", absl::StrCat("the policy was not read: ", text.status().message()),
                  "sudo ddskeyctl doctor");
    return {};
  }
  const bool trusted = CheckTrustedPath(host, path, DaemonUser(host), "policy", findings);
  Reader reader(host, path, findings);
  const std::shared_ptr<const Policy> policy = reader.Parse(*text);
  if (policy == nullptr) return {};
  if (trusted) {
    findings.Ok("policy.file",
                absl::StrCat(path, " (", policy->rule_count(), " rules) is root's alone and can be read"));
  }
  for (const std::string& warning : policy->warnings()) {
    findings.Warn("policy.rule", warning, absl::StrCat("edit ", path, ", then: systemctl reload ddskeyd"));
  }
  v1::Policy rules;
  // It was parsed just now.
  if (google::protobuf::TextFormat::ParseFromString(*text, &rules)) reader.Look(rules, keys);
  reader.LookForUnusedKeys(*policy, keys);
  return {.policy = policy, .users = reader.TakeUsers()};
}

bool MayHandshake(const Policy& policy, const UserFacts& user, const v1::Key& key) {
  const Subject subject = {
      .uid = user.uid, .gid = user.gid, .groups = user.groups, .pid = kSomeProcess, .start_time = 0};
  const PeerIdentity itself = {.subject = key.certificate().subject(),
                               .issuer = key.certificate().issuer(),
                               .serial = key.certificate().serial()};
  return policy.Evaluate(subject, Action::kHandshake, key.name(), itself).allowed;
}

}  // namespace ddskey::doctor
