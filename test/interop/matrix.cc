#include "test/interop/matrix.h"

#include <chrono>
#include <cstdio>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace ddskey::interop {
namespace {

using test::TestKeyType;

constexpr TestKeyType kKeys[] = {TestKeyType::kEcP256, TestKeyType::kRsa2048};

// Sentences of the applications' logs that say why they do not meet.
constexpr const char* kRefusals[] = {"Failed to convert octet sequence to ASN1 integer"};

struct Row {
  Stack initiator;
  Stack replier;
  std::string outcome;
};

const std::vector<Row>& Rows() {
  using enum Stack;
  static const auto* const rows = new std::vector<Row>{
      {kCycloneInCustody, kCycloneInCustody, kBothWays},
      {kCycloneInCustody, kCyclone, kBothWays},
      {kCyclone, kCycloneInCustody, kBothWays},
      {kCycloneInCustody, kFastDds, kBothWays},
      {kFastDds, kCycloneInCustody, kBothWays},
      {kCycloneInCustody, kFastDdsInCustody, kBothWays},
      {kFastDdsInCustody, kCycloneInCustody, kBothWays},
      {kFastDdsInCustody, kFastDds, kBothWays},
      {kCyclone, kCyclone, kBothWays},
      {kCyclone, kFastDds, kBothWays},
      {kFastDds, kCyclone, absl::StrCat("no: ", kRefusals[0])},
  };
  return *rows;
}

}  // namespace

std::string NameOf(TestKeyType keys) { return keys == TestKeyType::kRsa2048 ? "RSA-2048" : "EC P-256"; }

std::vector<Meeting> Meetings() {
  std::vector<Meeting> meetings;
  for (const Row& row : Rows()) {
    for (const TestKeyType keys : kKeys) meetings.push_back({row.initiator, row.replier, keys, row.outcome});
  }
  return meetings;
}

std::string Hold(const Meeting& meeting, double* seconds) {
  SecuredDomain::Options options;
  options.keys = meeting.keys;
  SecuredDomain domain(options);
  const auto [initiator, replier] = domain.InOrder();
  domain.Enroll(meeting.initiator, initiator);
  domain.Enroll(meeting.replier, replier);
  const auto begin = std::chrono::steady_clock::now();
  const auto first = domain.Start(meeting.initiator, initiator);
  const auto second = domain.Start(meeting.replier, replier);
  std::string outcome = "no data";
  const auto met = [&, initiator = initiator, replier = replier] {
    if (first->Heard(replier) > 0 && second->Heard(initiator) > 0) outcome = kBothWays;
    for (const char* refusal : kRefusals) {
      if (absl::StrContains(first->Output() + second->Output(), refusal)) outcome = absl::StrCat("no: ", refusal);
    }
    return outcome != "no data" || !first->process().Running() || !second->process().Running();
  };
  test::WaitFor(met, std::chrono::seconds(60));
  if (seconds != nullptr) *seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (outcome != meeting.outcome) {
    std::fprintf(stderr, "--- %s, which initiates\n%s--- %s, which replies\n%s---\n", NameOf(meeting.initiator).c_str(),
                 first->Output().c_str(), NameOf(meeting.replier).c_str(), second->Output().c_str());
  }
  return outcome;
}

std::string Table(const std::vector<std::string>& outcomes) {
  std::string table = "| initiator | replier |";
  for (const TestKeyType keys : kKeys) absl::StrAppend(&table, " ", NameOf(keys), " |");
  table += "\n|---|---|---|---|\n";
  size_t cell = 0;
  for (const Row& row : Rows()) {
    absl::StrAppend(&table, "| ", NameOf(row.initiator), " | ", NameOf(row.replier), " |");
    for (size_t column = 0; column < std::size(kKeys); ++column) absl::StrAppend(&table, " ", outcomes[cell++], " |");
    table += "\n";
  }
  return table;
}

}  // namespace ddskey::interop
