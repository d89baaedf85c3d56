#include "daemon/custodian/expiry_watch.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/custodian/parse_trust.h"
#include "daemon/trust/certificate.h"

namespace ddskey {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);
// Days before the end, the last first.
constexpr int kWarnings[] = {0, 1, 7, 30};

void AddCertificates(Ending::Kind kind, const std::string& key_name, const std::string& pem, std::vector<Ending>& out) {
  const auto certificates = Certificate::ParsePem(pem);
  if (!certificates.ok()) return;
  for (const Certificate& certificate : *certificates) {
    out.push_back({kind, key_name, certificate.subject(), certificate.not_before(), certificate.not_after()});
  }
}

void AddList(const std::string& key_name, const RevocationList& list, std::vector<Ending>& out) {
  out.push_back({Ending::Kind::kRevocationList, key_name, list.issuer(), list.this_update(), list.next_update()});
}

// DueWarning is the last warning whose time has come, in days before the end.
std::optional<int> DueWarning(const Ending& ending, absl::Time now) {
  for (const int days : kWarnings) {
    if (now >= ending.end - days * kDay && ending.end - ending.begin > days * kDay) return days;
  }
  return std::nullopt;
}

// NameOf is what stays the same of an ending until it is replaced.
std::string NameOf(const Ending& ending) {
  return absl::StrCat(static_cast<int>(ending.kind), " ", ending.key_name, " ", absl::ToUnixSeconds(ending.end), " ",
                      ending.subject);
}

std::string Sentence(const Ending& ending, absl::Time now) {
  const std::string whose = ending.key_name.empty() ? "" : absl::StrCat("key \"", ending.key_name, "\": ");
  std::string what;
  std::string remedy;
  switch (ending.kind) {
    case Ending::Kind::kCertificate:
      what = absl::StrCat("its certificate (", ending.subject, ")");
      remedy = absl::StrCat("renew it with: ddskeyctl identity renew ", ending.key_name);
      break;
    case Ending::Kind::kAnchor:
      what = absl::StrCat("the identity CA ", ending.subject);
      remedy = absl::StrCat("add its successor with: ddskeyctl trust add ", ending.key_name);
      break;
    case Ending::Kind::kRevocationList:
      what = absl::StrCat("the revocation list of ", ending.subject);
      remedy = "its issuer should have a newer one (nextUpdate)";
      break;
  }
  const std::string when = absl::FormatTime(absl::RFC3339_sec, ending.end, absl::UTCTimeZone());
  const std::string how = ending.end <= now
                              ? absl::StrCat("ended at ", when)
                              : absl::StrCat("ends at ", when, ", in ", ending.days_left(now), " days and ",
                                             absl::ToInt64Hours((ending.end - now) % kDay), " hours");
  return absl::StrCat(whose, what, " ", how, "; ", remedy);
}

}  // namespace

int64_t Ending::days_left(absl::Time now) const { return absl::ToInt64Seconds(absl::Floor(end - now, kDay)) / 86'400; }

const std::vector<Ending>& ExpiryWatch::EndingsOf(const std::shared_ptr<const Identity>& identity) {
  const auto known = parsed_.find(identity.get());
  // Another identity may have had this address before.
  if (known != parsed_.end() && !known->second.identity.expired()) return known->second.endings;
  Parsed parsed = {.identity = identity, .endings = {}};
  const std::string& name = identity->name.text();
  if (const std::string& chain = identity->current().certificate_chain; !chain.empty()) {
    AddCertificates(Ending::Kind::kCertificate, name, chain, parsed.endings);
  }
  if (!identity->trust.anchors.empty()) {
    AddCertificates(Ending::Kind::kAnchor, name, identity->trust.anchors, parsed.endings);
  }
  const auto lists = ParseLists(identity->trust);
  for (const RevocationList& list : lists.ok() ? *lists : std::vector<RevocationList>()) {
    AddList(name, list, parsed.endings);
  }
  return parsed_.insert_or_assign(identity.get(), std::move(parsed)).first->second.endings;
}

std::vector<Ending> ExpiryWatch::All() {
  std::vector<Ending> all;
  std::erase_if(parsed_, [](const auto& entry) { return entry.second.identity.expired(); });
  for (const auto& identity : keys_.List()) {
    if (identity->deleted) continue;
    const std::vector<Ending>& endings = EndingsOf(identity);
    all.insert(all.end(), endings.begin(), endings.end());
  }
  for (const FileLists::State& state : files_.states()) {
    for (const RevocationList& list : state.lists) AddList("", list, all);
  }
  std::ranges::stable_sort(all, {}, &Ending::end);
  return all;
}

std::vector<Ending> ExpiryWatch::Endings() {
  const std::lock_guard lock(mutex_);
  return All();
}

std::vector<std::string> ExpiryWatch::Warn(absl::Time now) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> sentences;
  std::map<std::string, int> warned;
  for (const Ending& ending : All()) {
    const std::optional<int> due = DueWarning(ending, now);
    if (!due.has_value()) continue;
    const std::string name = NameOf(ending);
    const auto before = warned_.find(name);
    if (before == warned_.end() || *due < before->second) sentences.push_back(Sentence(ending, now));
    warned[name] = *due;
  }
  // What is not there any more needs no memory.
  warned_ = std::move(warned);
  return sentences;
}

}  // namespace ddskey
