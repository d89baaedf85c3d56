#ifndef DAEMON_CUSTODIAN_WATCH_BOARD_H_
#define DAEMON_CUSTODIAN_WATCH_BOARD_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/custodian/change_notice.h"

namespace ddskey {

// WatchBoard keeps the calls that wait for the revision of a notice to become another one. They take no thread of the
// worker pool: one thread of its own answers them all. Changes that follow each other closely are told as one, so that
// a list that is replaced a hundred times a second does not have every participant judged anew a hundred times.
// Thread-safe; how many calls wait is for the caller to bound.
class WatchBoard {
 public:
  // Done gets the revision; UNAVAILABLE once the board is closed; CANCELLED for a wait that was released.
  using Done = std::function<void(absl::StatusOr<uint64_t> revision)>;

  // `notice` must outlive the board. After a change was told the next is not told within `gather`.
  explicit WatchBoard(ChangeNotice& notice, std::chrono::milliseconds gather = std::chrono::milliseconds(100));
  // Closes the board.
  ~WatchBoard();
  WatchBoard(const WatchBoard&) = delete;
  WatchBoard& operator=(const WatchBoard&) = delete;

  // Hold calls `done` exactly once, on a thread of the board or, if there is nothing to wait for, on this one: when the
  // revision is not `seen`, or when `wait` has passed. Returns a number for Release.
  uint64_t Hold(uint64_t seen, std::chrono::milliseconds wait, Done done);

  // Release ends a wait whose caller has gone; nothing happens if it has ended.
  void Release(uint64_t number);

  // Close ends all waits, and those that are yet to come.
  void Close();

  // held is how many calls wait.
  size_t held() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Wait {
    uint64_t seen;
    Clock::time_point until;
    Done done;
  };
  using Ended = std::vector<Done>;

  void Run();
  // TakeEnded takes out the waits that end at `now`, and `*next` is when to look again.
  Ended TakeEnded(Clock::time_point now, Clock::time_point* next);
  void Take(std::map<uint64_t, Wait>::iterator wait, Ended& ended);

  ChangeNotice& notice_;
  const std::chrono::milliseconds gather_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool closed_ = false;
  // Some wait knows another revision than there is.
  bool stale_ = false;
  Clock::time_point told_ = Clock::time_point();
  uint64_t last_number_ = 0;
  std::map<uint64_t, Wait> waits_;
  // The numbers in `waits_` by their ends.
  std::set<std::pair<Clock::time_point, uint64_t>> ends_;
  std::thread thread_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_WATCH_BOARD_H_
