#include "policy/policy.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ddskey/v1/policy.pb.h"
#include "policy/rule.h"
#include "policy/rule_reader.h"
#include "policy/rule_warnings.h"
#include "policy/text_format.h"

namespace ddskey {
namespace {

constexpr size_t kLargestText = 1024 * 1024;
constexpr size_t kMostRules = 1024;
// Enough to work on; a file that is no policy at all has more.
constexpr size_t kMostMistakes = 100;

std::string Quoted(std::string_view text) {
  return absl::StrCat("\"", absl::CHexEscape(absl::string_view(text.data(), text.size())), "\"");
}

// Reader gathers the rules of a file and the mistakes in them.
class Reader {
 public:
  Reader(std::string_view file_name, const Accounts& accounts) : file_name_(file_name), accounts_(accounts) {}

  void Add(TextPosition position, const v1::Policy& part) {
    for (const v1::Rule& rule : part.rule()) {
      const std::string label =
          rule.name().empty() ? std::string("a rule without a name") : absl::StrCat("rule ", Quoted(rule.name()));
      const auto complain = [&](const std::string& mistake) { Complain(position, absl::StrCat(label, ": ", mistake)); };
      const auto [first, is_new] = lines_.emplace(rule.name(), position.line);
      if (!is_new && !rule.name().empty()) {
        complain(absl::StrCat("the rule in line ", first->second, " has the same name"));
      }
      rules_.push_back(ReadRule(rule, accounts_, complain));
      if (rules_.size() == kMostRules + 1) complain(absl::StrCat("there are more than ", kMostRules, " rules"));
    }
  }

  // Complain returns whether there is room for more.
  bool Complain(TextPosition position, const std::string& mistake) {
    if (mistakes_.size() < kMostMistakes) {
      mistakes_.push_back(absl::StrCat(file_name_, ":", position.line, ":", position.column, ": ", mistake));
    }
    return mistakes_.size() < kMostMistakes;
  }

  absl::StatusOr<std::vector<Rule>> Take() {
    if (!mistakes_.empty()) return absl::InvalidArgumentError(absl::StrJoin(mistakes_, "\n"));
    return std::move(rules_);
  }

 private:
  const std::string file_name_;
  const Accounts& accounts_;
  std::vector<Rule> rules_;
  // Where each name was first seen.
  std::map<std::string, int> lines_;
  std::vector<std::string> mistakes_;
};

}  // namespace

struct Policy::Rules {
  std::vector<Rule> rules;
  std::vector<std::string> warnings;
};

Policy::Policy(std::unique_ptr<const Rules> rules) : rules_(std::move(rules)) {}
Policy::~Policy() = default;

absl::StatusOr<std::shared_ptr<const Policy>> Policy::Parse(std::string_view text, std::string_view file_name,
                                                            const Accounts& accounts) {
  if (text.size() > kLargestText) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(file_name), ": the policy is larger than 1 MiB"));
  }
  Reader reader(file_name, accounts);
  ParseStatements(
      text, v1::Policy::default_instance(),
      [&reader](TextPosition position, const google::protobuf::Message& message) {
        reader.Add(position, static_cast<const v1::Policy&>(message));
      },
      [&reader](TextPosition position, const std::string& mistake) { return reader.Complain(position, mistake); });
  auto rules = reader.Take();
  if (!rules.ok()) return rules.status();
  auto parsed = std::make_unique<Rules>();
  parsed->rules = *std::move(rules);
  parsed->warnings = WarningsAbout(parsed->rules);
  return std::shared_ptr<const Policy>(new Policy(std::move(parsed)));
}

std::shared_ptr<const Policy> Policy::SuperuserOnly() {
  auto rules = std::make_unique<Rules>();
  Rule rule;
  rule.name = "superuser";
  rule.callers.push_back({.uid = 0, .gids = {}});
  rule.keys.push_back("*");
  for (const Action action :
       {Action::kKeyCreate, Action::kKeyList, Action::kKeyDelete, Action::kCsrCreate, Action::kCertificateInstall,
        Action::kStatus, Action::kTrustChange, Action::kOcspInstall, Action::kIdentityRenew, Action::kIdentityState,
        Action::kStoreCheck, Action::kBackup, Action::kRestore, Action::kKeyImport, Action::kKeyExport, Action::kAttest,
        Action::kCredentialActivate, Action::kPcrApprove, Action::kBackendUnlock}) {
    rule.actions |= Rule::BitOf(action);
  }
  rules->rules.push_back(std::move(rule));
  return std::shared_ptr<const Policy>(new Policy(std::move(rules)));
}

Decision Policy::Evaluate(const Subject& subject, Action action, std::string_view key,
                          const std::optional<PeerIdentity>& peer, bool peer_is_trusted_by_us) const {
  const Rule* allowing = nullptr;
  for (const Rule& rule : rules_->rules) {
    if (allowing != nullptr && !rule.denies) continue;
    if (!RuleApplies(rule, subject, action, key, peer, peer_is_trusted_by_us)) continue;
    if (rule.denies) {
      return {.allowed = false,
              .rule = rule.name,
              .reason = absl::StrCat("rule ", Quoted(rule.name), " denies ", std::string(ActionName(action)))};
    }
    allowing = &rule;
  }
  if (allowing == nullptr) {
    return {.allowed = false,
            .rule = "",
            .reason =
                absl::StrCat("no rule allows ", std::string(ActionName(action)),
                             key.empty() ? "" : absl::StrCat(" with the key ", Quoted(key)), " to uid ", subject.uid)};
  }
  return {.allowed = true,
          .rule = allowing->name,
          .reason = absl::StrCat("rule ", Quoted(allowing->name), " allows ", std::string(ActionName(action)))};
}

size_t Policy::rule_count() const { return rules_->rules.size(); }
const std::vector<std::string>& Policy::warnings() const { return rules_->warnings; }

}  // namespace ddskey
