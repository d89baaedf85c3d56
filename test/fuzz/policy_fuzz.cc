// The text of a policy (policy/policy.h).
// An input is the file.

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ddskey/v1/policy.pb.h"
#include "policy/policy.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

constexpr uint32_t kOverflow = 65534;
constexpr int kMostRulesAlone = 8;

const Accounts& SomeAccounts() {
  static const Accounts accounts = {
      .uid_of = [](const std::string& name) { return name == "robot" ? std::optional<uid_t>(1000) : std::nullopt; },
      .gid_of = [](const std::string& name) { return name == "robots" ? std::optional<gid_t>(100) : std::nullopt; }};
  return accounts;
}

// The planted bug: the rule that ends a file without a line feed is lost.
std::string_view Planted(std::string_view text) {
  if (!planted_bug || text.ends_with('\n')) return text;
  const size_t last = text.rfind("rule");
  return last == std::string_view::npos ? text : text.substr(0, last);
}

class Silent : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int, int, const std::string&) override {}
  void AddWarning(int, int, const std::string&) override {}
};

bool ParseWhole(const std::string& text, v1::Policy* policy) {
  Silent errors;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  return parser.ParseFromString(text, policy);
}

// Each line is "policy:LINE:COLUMN: sentence" with a place in the text.
void CheckMistakes(std::string_view text, std::string_view mistakes) {
  const auto most = static_cast<uint32_t>(std::count(text.begin(), text.end(), '\n') + 1);
  const std::vector<std::string_view> lines = Lines(mistakes);
  Require(!lines.empty() && lines.size() <= 100, "there are 1 to 100 mistakes");
  Require(lines.front().starts_with("policy:"), "a mistake begins with the file");
  for (std::string_view line : lines) {
    if (!line.starts_with("policy:")) continue;
    const uint32_t number = Number(line.substr(7));
    Require(number >= 1 && number <= most, "a mistake is in a line of the text");
  }
}

struct Question {
  Subject subject;
  Action action;
  const char* key;
};

std::vector<Question> Questions() {
  std::vector<Question> questions;
  for (const uint32_t uid : {0U, 1000U, kOverflow}) {
    for (const pid_t pid : {0, 10}) {
      for (const Action action : {Action::kHandshake, Action::kKeyCreate, Action::kStatus}) {
        for (const char* key : {"talker", "x"}) {
          questions.push_back({{.uid = uid, .gid = uid, .groups = {100}, .pid = pid, .start_time = 1}, action, key});
        }
      }
    }
  }
  return questions;
}

// A policy of these rules decides as they do one by one: any deny refuses, else any allow allows.
void CheckRulesAlone(const Policy& policy, const v1::Policy& whole) {
  std::vector<std::shared_ptr<const Policy>> alone;
  for (const v1::Rule& rule : whole.rule()) {
    v1::Policy one;
    *one.add_rule() = rule;
    std::string text;
    google::protobuf::TextFormat::PrintToString(one, &text);
    auto parsed = Policy::Parse(text, "policy", SomeAccounts());
    Require(parsed.ok(), "a rule of a policy is a policy");
    alone.push_back(*std::move(parsed));
  }
  for (const Question& question : Questions()) {
    bool denied = false;
    bool allowed = false;
    for (const auto& one : alone) {
      const Decision decision = one->Evaluate(question.subject, question.action, question.key);
      allowed = allowed || decision.allowed;
      denied = denied || (!decision.allowed && !decision.rule.empty());
    }
    const Decision decision = policy.Evaluate(question.subject, question.action, question.key);
    Require(decision.allowed == (allowed && !denied), "a deny beats an allow, and nothing else allows");
  }
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  const std::string text(AsText(data, size));
  const auto policy = Policy::Parse(Planted(text), "policy", SomeAccounts());
  v1::Policy whole;
  const bool is_text_format = ParseWhole(text, &whole);
  if (!policy.ok()) {
    Require(policy.status().code() == absl::StatusCode::kInvalidArgument, "a bad policy is an invalid argument");
    CheckMistakes(text, std::string_view(policy.status().message().data(), policy.status().message().size()));
    return 0;
  }
  Require(is_text_format, "what is no text format is no policy");
  Require((*policy)->rule_count() == static_cast<size_t>(whole.rule_size()), "every rule of the text is in the policy");
  for (const Question& question : Questions()) {
    const Decision decision = (*policy)->Evaluate(question.subject, question.action, question.key);
    Require(decision.allowed <= !decision.rule.empty(), "what no rule allows is refused");
    Require(!decision.allowed || (question.subject.pid != 0 && question.subject.uid != kOverflow),
            "S-10: nobody knows the pid 0 and the overflow user");
  }
  if (whole.rule_size() <= kMostRulesAlone) CheckRulesAlone(**policy, whole);
  return 0;
}
