#include "daemon/list_watcher.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/trust/revocation_list.h"

namespace ddskey {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPeriod(250);
// However long a round took: a new list is to be in force within a second.
constexpr milliseconds kLongestPause(500);

}  // namespace

ListWatcher::ListWatcher(FileLists& lists, ChangeNotice& changes, std::function<absl::Time()> clock)
    : lists_(lists), changes_(changes), clock_(std::move(clock)) {
  for (const FileLists::State& state : lists_.states()) {
    files_.push_back({.file = WatchedFile(state.file.path, RevocationList::kLargestDocument), .problem = ""});
  }
}

std::chrono::milliseconds ListWatcher::Round() {
  const auto begin = std::chrono::steady_clock::now();
  bool changed = false;
  for (size_t i = 0; i < files_.size(); ++i) changed = Look(i) || changed;
  if (changed) changes_.Bump();
  const auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
  return std::clamp(2 * took, kPeriod, kLongestPause);
}

bool ListWatcher::Look(size_t index) {
  Watched& watched = files_[index];
  if (clock_() >= watched.again) watched.file.Forget();
  const std::optional<absl::StatusOr<std::string>> content = watched.file.Poll();
  if (!content.has_value()) return false;
  const FileLists::Outcome outcome = lists_.Take(index, *content);
  watched.again = outcome.again;
  Report(watched, lists_.states()[index], outcome);
  return outcome.changed;
}

void ListWatcher::Report(Watched& watched, const FileLists::State& state, const FileLists::Outcome& outcome) {
  if (outcome.changed) {
    size_t revoked = 0;
    for (const RevocationList& list : state.lists) revoked += list.size();
    spdlog::info("revocation list file {}: taken; {} lists revoke {} certificates", watched.file.path(),
                 state.lists.size(), revoked);
  }
  // A file that is replaced by the same nonsense again and again is worth one line.
  if (!outcome.problem.empty() && outcome.problem != watched.problem) {
    spdlog::warn("revocation list file {}: {}; {}", watched.file.path(), outcome.problem,
                 state.lists.empty() ? "no list was ever taken from it" : "the last good one stays in force");
  }
  watched.problem = outcome.problem;
}

}  // namespace ddskey
