#include "daemon/audit/refusal_coalescer.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace ddskey {
namespace {

// What is remembered of each text; longer ones are equal if they begin equally.
constexpr size_t kMaxText = 512;

void AppendText(std::string& out, absl::string_view text) {
  text = text.substr(0, kMaxText);
  // With its length, so that no two lists of texts look the same.
  absl::StrAppend(&out, text.size(), ":", text);
}

std::string Fingerprint(const AuditRecord& record) {
  std::string out = absl::StrCat(record.uid, ",", record.gid, ",", record.pid, ",", record.outcome.raw_code(), ",");
  for (const absl::string_view text : {absl::string_view(record.operation), absl::string_view(record.key),
                                       absl::string_view(record.peer_digest), record.outcome.message()}) {
    AppendText(out, text);
  }
  return out;
}

// Shorten copies what a line can show of `record`.
AuditRecord Shorten(const AuditRecord& record) {
  AuditRecord out = record;
  for (std::string* text : {&out.operation, &out.key, &out.peer, &out.peer_digest, &out.rule, &out.warning}) {
    if (text->size() > kMaxText) *text = text->substr(0, kMaxText);
  }
  // A new status also leaves the payloads behind.
  out.outcome = absl::Status(record.outcome.code(), record.outcome.message().substr(0, kMaxText));
  return out;
}

}  // namespace

bool RefusalCoalescer::IsNew(const AuditRecord& refusal) {
  std::string fingerprint = Fingerprint(refusal);
  if (const auto known = seen_.find(fingerprint); known != seen_.end()) {
    ++known->second.repeated;
    return false;
  }
  const auto of_uid = distinct_of_uid_.find(refusal.uid);
  const bool uid_is_full = of_uid != distinct_of_uid_.end() && of_uid->second >= bounds_.distinct_per_uid;
  if (uid_is_full || seen_.size() >= bounds_.distinct) {
    const bool counted = omitted_of_uid_.size() < bounds_.counted_uids || omitted_of_uid_.contains(refusal.uid);
    ++(counted ? omitted_of_uid_[refusal.uid] : omitted_of_others_);
    return false;
  }
  seen_.emplace(std::move(fingerprint), Seen{.first = Shorten(refusal)});
  ++distinct_of_uid_[refusal.uid];
  return true;
}

std::vector<AuditLine> RefusalCoalescer::EndRound() {
  std::vector<AuditLine> lines;
  for (const auto& [fingerprint, seen] : seen_) {
    if (seen.repeated > 0) lines.push_back(MakeAuditLine(seen.first, seen.repeated));
  }
  for (const auto& [uid, count] : omitted_of_uid_) lines.push_back(MakeOmittedLine(absl::StrCat("uid ", uid), count));
  if (omitted_of_others_ > 0) lines.push_back(MakeOmittedLine("other users", omitted_of_others_));
  seen_.clear();
  distinct_of_uid_.clear();
  omitted_of_uid_.clear();
  omitted_of_others_ = 0;
  return lines;
}

}  // namespace ddskey
