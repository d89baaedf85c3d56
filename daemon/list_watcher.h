#ifndef DAEMON_LIST_WATCHER_H_
#define DAEMON_LIST_WATCHER_H_

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemon/config/watched_file.h"
#include "daemon/custodian/change_notice.h"
#include "daemon/custodian/file_lists.h"

namespace ddskey {

// ListWatcher looks at the files of revocation lists, gives what is in them to FileLists, and says in the log what came
// of it. However often a file is replaced, it is read once a round. Thread-compatible.
class ListWatcher {
 public:
  // `lists` and `changes` must outlive this.
  ListWatcher(FileLists& lists, ChangeNotice& changes, std::function<absl::Time()> clock);

  // Round looks at every file, and returns how long to wait before the next: a quarter of a second, and longer after a
  // round that took long: twice its time, half a second at most.
  std::chrono::milliseconds Round();

 private:
  struct Watched {
    WatchedFile file;
    // When its content is worth another look.
    absl::Time again = absl::InfiniteFuture();
    // What was said about it last.
    std::string problem;
  };

  // Look is true if something else is in force afterwards.
  bool Look(size_t index);
  void Report(Watched& watched, const FileLists::State& state, const FileLists::Outcome& outcome);

  FileLists& lists_;
  ChangeNotice& changes_;
  const std::function<absl::Time()> clock_;
  std::vector<Watched> files_;
};

}  // namespace ddskey

#endif  // DAEMON_LIST_WATCHER_H_
