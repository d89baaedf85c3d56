#ifndef DAEMON_CUSTODIAN_CLOCK_GUARD_H_
#define DAEMON_CUSTODIAN_CLOCK_GUARD_H_

#include <functional>
#include <memory>
#include <mutex>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/custodian/change_notice.h"
#include "daemon/keystore/key_store.h"

namespace ddskey {

// ClockGuard is the clock by which certificates are validated, and the judge of whether it is set (S-17). A machine
// without a battery for its clock starts in the past; there, certificates that have expired look good and good ones
// look as if from the future. So what is known to have passed is kept: the release of the daemon, and the last time at
// which the clock was right. A clock before either, by more than five minutes, is not set.
//
// The last good time never goes back by itself. It follows the clock only after this has run evenly for ten minutes,
// and then once an hour, by at most seven days each time: a clock that is far in the future by mistake takes it along
// by no more than that, and Reset takes it back. Thread-safe.
class ClockGuard {
 public:
  // Unset is what to do while the clock is not set: let nothing be validated, or validate as of the last good time.
  enum class Unset { kRefuse, kWarn };

  // Parts are what it works with; all must outlive it.
  struct Parts {
    KeyStore& keys;
    ChangeNotice& changes;
    // The system's clock, and one that nobody sets and that runs while the machine sleeps.
    std::function<absl::Time()> wall;
    std::function<absl::Duration()> since_boot;
    absl::Time released;
    Unset unset = Unset::kRefuse;
  };

  // State is what an administrator sees.
  struct State {
    bool set = true;
    absl::Time wall;
    // The infinite past if it was never right for long enough.
    absl::Time last_good;
    absl::Time released;
    Unset unset = Unset::kRefuse;
  };

  static absl::StatusOr<std::unique_ptr<ClockGuard>> Open(Parts parts);

  // Now is the system's time; while the clock is not set, the last that is known to have passed.
  absl::Time Now() const;

  // Check is UNAVAILABLE, "[clock_not_set]", while nothing is to be validated: it becomes good by itself when somebody
  // sets the clock.
  absl::Status Check() const;

  // Observe is to be called about once a second: it says in the log when the clock is set or is no longer, tells
  // `changes` of it and of every jump, and keeps the last good time.
  void Observe();

  // Reset makes the clock, as it is, the last good time, though that goes back. FAILED_PRECONDITION if the clock is
  // before the release of the daemon.
  absl::Status Reset();

  State state() const;

 private:
  explicit ClockGuard(Parts parts) : parts_(std::move(parts)) {}

  absl::Time Floor() const;
  bool IsSet(absl::Time wall) const;
  void ReportChange(bool set, absl::Time wall);
  void Advance(absl::Time wall, absl::Duration up);

  const Parts parts_;
  mutable std::mutex mutex_;
  absl::Time last_good_ = absl::InfinitePast();
  // Of the last Observe.
  bool observed_ = false;
  bool was_set_ = true;
  absl::Time boot_;
  // By since_boot: when the last good time is kept next.
  absl::Duration keep_at_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_CLOCK_GUARD_H_
