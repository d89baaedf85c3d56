#include "plugin_shim/core/wait_budget.h"

#include <algorithm>

namespace ddskey {

WaitBudget::Clock::duration WaitBudget::Left(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  const Clock::time_point from = now - kWindow;
  while (!spans_.empty() && spans_.front().end <= from) spans_.pop_front();
  Clock::duration spent{};
  for (const Span& span : spans_) spent += span.end - std::max(span.begin, from);
  return std::clamp<Clock::duration>(kInAWindow - spent, Clock::duration::zero(), kInACall);
}

void WaitBudget::Spend(Clock::time_point begin, Clock::time_point end) {
  const std::lock_guard lock(mutex_);
  // Handshakes come by the hundred: what lies close together is kept as one.
  constexpr std::chrono::milliseconds kClose(1);
  if (!spans_.empty() && begin >= spans_.back().end && begin - spans_.back().end < kClose) {
    spans_.back().end = end;
  } else {
    spans_.push_back({begin, end});
  }
}

}  // namespace ddskey
