#include "daemon/custodian/clock_guard.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

// What a clock may be set back without anything being wrong: by NTP, or by hand.
constexpr absl::Duration kTolerance = absl::Minutes(5);
// More than this from one look to the next is a jump.
constexpr absl::Duration kJump = absl::Minutes(1);
constexpr absl::Duration kSettling = absl::Minutes(10);
constexpr absl::Duration kKeepEvery = absl::Hours(1);
constexpr absl::Duration kLongestAdvance = absl::Hours(7 * 24);

std::string Text(absl::Time time) { return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone()); }

}  // namespace

absl::StatusOr<std::unique_ptr<ClockGuard>> ClockGuard::Open(Parts parts) {
  std::unique_ptr<ClockGuard> guard(new ClockGuard(std::move(parts)));
  ASSIGN_OR_RETURN(guard->last_good_, guard->parts_.keys.LoadLastGoodTime());
  guard->Observe();
  return guard;
}

absl::Time ClockGuard::Floor() const { return std::max(last_good_, parts_.released); }

bool ClockGuard::IsSet(absl::Time wall) const { return wall + kTolerance >= Floor(); }

absl::Time ClockGuard::Now() const {
  const absl::Time wall = parts_.wall();
  const std::lock_guard lock(mutex_);
  return IsSet(wall) ? wall : Floor();
}

absl::Status ClockGuard::Check() const {
  const absl::Time wall = parts_.wall();
  const std::lock_guard lock(mutex_);
  if (IsSet(wall) || parts_.unset == Unset::kWarn) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("[clock_not_set] the clock of this host says ", Text(wall), ", but it is ", Text(Floor()),
                   " or later; nothing is validated until it is set (status: ddskeyctl status)"));
}

void ClockGuard::ReportChange(bool set, absl::Time wall) {
  if (set) {
    // That a clock is set at the start is nothing to tell.
    if (observed_) spdlog::info("clock: set again, to {}", Text(wall));
    return;
  }
  spdlog::warn("clock: not set: it says {}, but it is {} or later, {}; {}", Text(wall), Text(Floor()),
               last_good_ > parts_.released ? "the last time at which it was right" : "the release of this daemon",
               parts_.unset == Unset::kWarn ? "certificates are validated as of that time"
                                            : "nothing is validated until it is set");
}

void ClockGuard::Observe() {
  const absl::Time wall = parts_.wall();
  const absl::Duration up = parts_.since_boot();
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    const bool set = IsSet(wall);
    // When the machine was booted, by its clock: that stays the same while the clock runs evenly.
    const absl::Time boot = wall - up;
    const bool jumped = observed_ && absl::AbsDuration(boot - boot_) > kJump;
    changed = jumped || (observed_ && set != was_set_);
    if (!observed_ || set != was_set_) ReportChange(set, wall);
    if (jumped) spdlog::warn("clock: jumped by {}, to {}", absl::FormatDuration(boot - boot_), Text(wall));
    if (!observed_ || jumped || !set) keep_at_ = up + kSettling;
    if (up >= keep_at_) Advance(wall, up);
    boot_ = boot;
    was_set_ = set;
    observed_ = true;
  }
  if (changed) parts_.changes.Bump();
}

void ClockGuard::Advance(absl::Time wall, absl::Duration up) {
  keep_at_ = up + kKeepEvery;
  const absl::Time next = std::min(wall, Floor() + kLongestAdvance);
  if (next <= last_good_) return;
  if (const absl::Status saved = parts_.keys.SaveLastGoodTime(next); !saved.ok()) {
    spdlog::warn("clock: the last good time is not kept: {}", std::string(saved.message()));
    return;
  }
  last_good_ = next;
}

absl::Status ClockGuard::Reset() {
  const absl::Time wall = parts_.wall();
  {
    const std::lock_guard lock(mutex_);
    if (wall + kTolerance < parts_.released) {
      return absl::FailedPreconditionError(absl::StrCat("the clock says ", Text(wall),
                                                        ", which is before the release of this daemon, ",
                                                        Text(parts_.released), "; set it first"));
    }
    RETURN_IF_ERROR(parts_.keys.SaveLastGoodTime(wall));
    spdlog::warn("clock: {} is the last good time now, no longer {}", Text(wall), Text(last_good_));
    last_good_ = wall;
  }
  Observe();
  parts_.changes.Bump();
  return absl::OkStatus();
}

ClockGuard::State ClockGuard::state() const {
  const absl::Time wall = parts_.wall();
  const std::lock_guard lock(mutex_);
  return {
      .set = IsSet(wall), .wall = wall, .last_good = last_good_, .released = parts_.released, .unset = parts_.unset};
}

}  // namespace ddskey
