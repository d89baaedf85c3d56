#include "daemon/custodian/file_lists.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/pattern.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

// A clock of a CA may be ahead of ours.
constexpr absl::Duration kSkew = absl::Minutes(5);

bool AppliesTo(const ListFile& file, const std::string& name) {
  return file.keys.empty() ||
         std::ranges::any_of(file.keys, [&](const std::string& pattern) { return MatchesPattern(pattern, name); });
}

// KeyOf tells lists of one name apart: by the key of the CA, and by what they speak of.
std::string KeyOf(const RevocationList& list) { return list.authority_key() + list.scope(); }

bool IsOfSameIssuer(const RevocationList& a, const RevocationList& b) {
  return a.issuer_der() == b.issuer_der() && KeyOf(a) == KeyOf(b);
}

template <typename Lists>
auto FindOfSameIssuer(Lists& lists, const RevocationList& list) {
  return std::ranges::find_if(lists, [&](const RevocationList& other) { return IsOfSameIssuer(other, list); });
}

// Put puts `list` in the place of the one of the same issuer.
void Put(const RevocationList& list, std::vector<RevocationList>& lists) {
  if (const auto older = FindOfSameIssuer(lists, list); older != lists.end()) {
    *older = list;
  } else {
    lists.push_back(list);
  }
}

}  // namespace

void ListsInForce::Add(ListFile file, std::vector<RevocationList> lists) {
  files_.push_back({std::move(file), std::move(lists)});
}

std::vector<RevocationList> ListsInForce::For(const std::string& name, const std::vector<Certificate>& anchors,
                                              const std::vector<RevocationList>& own) const {
  std::vector<RevocationList> lists = own;
  for (const File& file : files_) {
    if (!AppliesTo(file.file, name)) continue;
    for (const RevocationList& list : file.lists) {
      const auto known = FindOfSameIssuer(lists, list);
      if (known != lists.end() && (known->digest() == list.digest() || !list.CheckSupersedes(*known).ok())) continue;
      if (absl::IsInvalidArgument(list.CheckIssuedBy(anchors))) continue;
      Put(list, lists);
    }
  }
  return lists;
}

absl::StatusOr<std::unique_ptr<FileLists>> FileLists::Open(std::vector<ListFile> files, KeyStore& keys,
                                                           std::function<absl::Time()> clock) {
  std::unique_ptr<FileLists> lists(new FileLists(keys, std::move(clock)));
  for (ListFile& file : files) {
    lists->states_.push_back({std::move(file), {}, "not read yet"});
  }
  ASSIGN_OR_RETURN(const std::vector<FileRevocationList> saved, keys.LoadFileLists());
  std::set<std::string> others;
  for (const FileRevocationList& entry : saved) {
    const auto state = std::ranges::find(lists->states_, entry.path, [](const State& s) { return s.file.path; });
    if (state == lists->states_.end()) {
      others.insert(entry.path);
      continue;
    }
    ASSIGN_OR_RETURN(const std::vector<RevocationList> parsed, RevocationList::Parse(entry.der));
    state->lists.push_back(parsed.front());
  }
  for (const std::string& path : others) RETURN_IF_ERROR(keys.ForgetFileLists(path));
  auto in_force = std::make_shared<ListsInForce>();
  for (const State& state : lists->states_) in_force->Add(state.file, state.lists);
  lists->in_force_ = std::move(in_force);
  return lists;
}

std::vector<Certificate> FileLists::AuthoritiesFor(const ListFile& file) const {
  // Most identities have their anchors in common.
  std::set<std::string> documents;
  for (const auto& identity : keys_.List()) {
    if (!identity->deleted && AppliesTo(file, identity->name.text())) documents.insert(identity->trust.anchors);
  }
  std::vector<Certificate> authorities;
  for (const std::string& document : documents) {
    const auto anchors = document.empty() ? absl::StatusOr<std::vector<Certificate>>(std::vector<Certificate>())
                                          : Certificate::ParsePem(document);
    if (anchors.ok()) authorities.insert(authorities.end(), anchors->begin(), anchors->end());
  }
  return authorities;
}

absl::Status FileLists::Check(const RevocationList& list, const std::vector<RevocationList>& accepted,
                              const std::vector<Certificate>& authorities) const {
  if (const auto older = FindOfSameIssuer(accepted, list); older != accepted.end()) {
    RETURN_IF_ERROR(list.CheckSupersedes(*older));
  } else if (accepted.size() >= RevocationList::kMostLists) {
    return absl::InvalidArgumentError(absl::StrCat("there would be more than ", RevocationList::kMostLists, " lists"));
  }
  // The one before would be lost, and until then nobody of its issuer let in.
  if (list.this_update() > clock_() + kSkew) {
    return absl::UnavailableError(
        absl::StrCat("the revocation list of ", list.issuer(), " is not valid before ",
                     absl::FormatTime(absl::RFC3339_sec, list.this_update(), absl::UTCTimeZone())));
  }
  const absl::Status issued = list.CheckIssuedBy(authorities);
  // That of an intermediate CA is checked when a peer brings the CA's certificate.
  return absl::IsNotFound(issued) ? absl::OkStatus() : issued;
}

FileLists::Outcome FileLists::Take(size_t index, const absl::StatusOr<std::string>& content) {
  const State before = [&] {
    const std::lock_guard lock(mutex_);
    return states_.at(index);
  }();
  Outcome outcome;
  std::vector<std::string> problems;
  std::vector<RevocationList> lists = before.lists;
  const auto found = content.ok() ? RevocationList::Parse(*content) : content.status();
  if (!found.ok()) problems.emplace_back(found.status().message());
  const std::vector<Certificate> authorities = found.ok() ? AuthoritiesFor(before.file) : std::vector<Certificate>();
  for (const RevocationList& list : found.ok() ? *found : std::vector<RevocationList>()) {
    if (const auto same = FindOfSameIssuer(lists, list); same != lists.end() && same->digest() == list.digest()) {
      continue;
    }
    const absl::Status good = Check(list, lists, authorities);
    if (!good.ok()) {
      problems.emplace_back(good.message());
      if (absl::IsUnavailable(good)) outcome.again = std::min(outcome.again, list.this_update() - kSkew);
      continue;
    }
    Put(list, lists);
    outcome.changed = true;
    const absl::Status saved = keys_.SaveFileList({before.file.path, list.issuer_der(), KeyOf(list), list.der()});
    // Better used now and unknown after a restart than not used.
    if (!saved.ok()) problems.push_back(absl::StrCat("used, but not saved: ", saved.message()));
  }
  outcome.problem = absl::StrJoin(problems, "; ");
  Publish(index, std::move(lists), outcome.problem);
  return outcome;
}

void FileLists::Publish(size_t index, std::vector<RevocationList> lists, std::string problem) {
  const std::lock_guard lock(mutex_);
  states_.at(index).lists = std::move(lists);
  states_.at(index).problem = std::move(problem);
  auto in_force = std::make_shared<ListsInForce>();
  for (const State& state : states_) in_force->Add(state.file, state.lists);
  in_force_ = std::move(in_force);
}

std::shared_ptr<const ListsInForce> FileLists::in_force() const {
  const std::lock_guard lock(mutex_);
  return in_force_;
}

std::vector<FileLists::State> FileLists::states() const {
  const std::lock_guard lock(mutex_);
  return states_;
}

}  // namespace ddskey
