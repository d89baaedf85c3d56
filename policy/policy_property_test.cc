// Laws that hold for every policy, tried on random ones against an evaluation written anew from policy.proto.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ddskey/v1/policy.pb.h"
#include "policy/policy.h"

namespace ddskey {
namespace {

constexpr uint32_t kIds[] = {0, 1, 2, 65534};
constexpr const char* kKeys[] = {"a", "b", "ab"};
constexpr const char* kPatterns[] = {"a", "b", "a*", "*"};
constexpr const char* kSubjects[] = {"CN=a", "CN=b"};
constexpr v1::Operation kOperations[] = {v1::HANDSHAKE, v1::OWN_TRUST, v1::KEY_DELETE};
constexpr Action kActions[] = {Action::kHandshake, Action::kOwnTrust, Action::kKeyDelete};

// Question is everything that a decision depends on.
struct Question {
  Subject subject;
  size_t action;
  std::string key;
  std::optional<PeerIdentity> peer;
  bool trusted;
};

std::vector<Question> EveryQuestion() {
  std::vector<Question> questions;
  for (const uint32_t uid : kIds) {
    for (const uint32_t gid : kIds) {
      for (const pid_t pid : {0, 1}) {
        for (size_t action = 0; action < std::size(kActions); ++action) {
          for (const char* key : kKeys) {
            for (const char* peer : {"", kSubjects[0], kSubjects[1]}) {
              for (const bool trusted : {true, false}) {
                Question question = {{uid, gid, {}, pid, 0}, action, key, std::nullopt, trusted};
                if (*peer != '\0') question.peer = PeerIdentity{peer, "CN=CA", "1"};
                questions.push_back(question);
              }
            }
          }
        }
      }
    }
  }
  return questions;
}

class PolicyPropertyTest : public testing::Test {
 protected:
  template <typename T, size_t N>
  T Any(const T (&values)[N]) {
    return values[random_() % N];
  }
  bool Half() { return random_() % 2 == 0; }

  v1::Rule RandomRule(v1::Effect effect) {
    v1::Rule rule;
    rule.set_name(absl::StrCat("rule ", ++names_));
    rule.set_effect(effect);
    for (int i = 0; i == 0 || Half(); ++i) {
      v1::Caller* const caller = rule.add_caller();
      const bool has_uid = Half();
      if (has_uid) caller->set_uid(Any(kIds));
      if (!has_uid || Half()) caller->set_gid(Any(kIds));
    }
    do {
      rule.add_key(Any(kPatterns));
    } while (Half());
    const bool has_peers = Half();
    do {
      rule.add_operation(has_peers ? kOperations[random_() % 2] : Any(kOperations));
    } while (Half());
    if (has_peers) rule.add_peer()->set_subject(Any(kSubjects));
    return rule;
  }

  v1::Policy RandomPolicy() {
    v1::Policy policy;
    while (random_() % 5 != 0) *policy.add_rule() = RandomRule(Half() ? v1::ALLOW : v1::DENY);
    return policy;
  }

  static std::shared_ptr<const Policy> Parsed(const v1::Policy& policy) {
    auto parsed = Policy::Parse(policy.DebugString(), "random", {});
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    return *parsed;
  }

  static Decision Ask(const Policy& policy, const Question& question) {
    return policy.Evaluate(question.subject, kActions[question.action], question.key, question.peer, question.trusted);
  }

  // Applies is the meaning of a rule, from the comments of policy.proto and policy.h.
  static bool Applies(const v1::Rule& rule, const Question& question) {
    const Subject& s = question.subject;
    if (s.pid == 0 || s.uid == 65534 || s.gid == 65534) return false;
    bool caller = false;
    for (const v1::Caller& c : rule.caller()) {
      caller |= (!c.has_uid() || c.uid() == s.uid) && (!c.has_gid() || c.gid() == s.gid);
    }
    bool key = false;
    for (const std::string& pattern : rule.key()) {
      key |= pattern == "*" || pattern == question.key || (pattern == "a*" && question.key.front() == 'a');
    }
    bool operation = false;
    for (const int o : rule.operation()) operation |= o == kOperations[question.action];
    bool peer = rule.peer().empty();
    const bool allows = rule.effect() == v1::ALLOW;
    if (!peer) {
      if (!question.trusted) {
        peer = !allows;
      } else if (!question.peer.has_value()) {
        peer = allows;
      } else {
        peer = rule.peer(0).subject() == question.peer->subject;
      }
    }
    return caller && key && operation && peer;
  }

  std::mt19937 random_{20240607};
  int names_ = 0;
  const std::vector<Question> questions_ = EveryQuestion();
};

TEST_F(PolicyPropertyTest, EveryDecisionIsTheOneOfTheSpecification) {
  size_t allowed = 0;
  for (int i = 0; i < 200; ++i) {
    const v1::Policy text = RandomPolicy();
    const auto policy = Parsed(text);
    for (const Question& question : questions_) {
      bool allow = false;
      bool deny = false;
      for (const v1::Rule& rule : text.rule()) {
        (rule.effect() == v1::ALLOW ? allow : deny) |= Applies(rule, question);
      }
      ASSERT_EQ(Ask(*policy, question).allowed, allow && !deny) << text.DebugString();
      allowed += allow && !deny ? 1 : 0;
    }
  }
  EXPECT_GT(allowed, 1000U);
}

TEST_F(PolicyPropertyTest, AddingADenyNeverAllowsMoreAndAddingAnAllowNeverLess) {
  for (int i = 0; i < 100; ++i) {
    v1::Policy text = RandomPolicy();
    v1::Policy stricter = text;
    *stricter.add_rule() = RandomRule(v1::DENY);
    v1::Policy milder = text;
    *milder.add_rule() = RandomRule(v1::ALLOW);
    const auto policy = Parsed(text);
    const auto with_deny = Parsed(stricter);
    const auto with_allow = Parsed(milder);
    for (const Question& question : questions_) {
      const bool before = Ask(*policy, question).allowed;
      ASSERT_LE(Ask(*with_deny, question).allowed, before) << stricter.DebugString();
      ASSERT_GE(Ask(*with_allow, question).allowed, before) << milder.DebugString();
    }
  }
}

TEST_F(PolicyPropertyTest, TheOrderOfRulesDoesNotMatter) {
  for (int i = 0; i < 100; ++i) {
    v1::Policy text = RandomPolicy();
    const auto policy = Parsed(text);
    std::shuffle(text.mutable_rule()->pointer_begin(), text.mutable_rule()->pointer_end(), random_);
    const auto shuffled = Parsed(text);
    for (const Question& question : questions_) {
      ASSERT_EQ(Ask(*policy, question).allowed, Ask(*shuffled, question).allowed) << text.DebugString();
    }
  }
}

TEST_F(PolicyPropertyTest, EveryDecisionNamesARuleThatApplies) {
  for (int i = 0; i < 100; ++i) {
    const v1::Policy text = RandomPolicy();
    const auto policy = Parsed(text);
    for (const Question& question : questions_) {
      const Decision decision = Ask(*policy, question);
      if (decision.rule.empty()) {
        ASSERT_FALSE(decision.allowed);
        continue;
      }
      const auto rule = std::find_if(text.rule().begin(), text.rule().end(),
                                     [&](const v1::Rule& r) { return r.name() == decision.rule; });
      ASSERT_NE(rule, text.rule().end());
      ASSERT_EQ(rule->effect(), decision.allowed ? v1::ALLOW : v1::DENY);
      ASSERT_TRUE(Applies(*rule, question));
    }
  }
}

}  // namespace
}  // namespace ddskey
