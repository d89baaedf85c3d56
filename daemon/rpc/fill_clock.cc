#include "daemon/rpc/fill_clock.h"

namespace ddskey {

void FillClock(const ClockGuard::State& state, v1::ClockStatus& out) {
  out.set_set(state.set);
  out.set_now(absl::ToUnixSeconds(state.wall));
  if (state.last_good != absl::InfinitePast()) out.set_last_good(absl::ToUnixSeconds(state.last_good));
  out.set_released(absl::ToUnixSeconds(state.released));
  out.set_unset(state.unset == ClockGuard::Unset::kWarn ? "warn" : "refuse");
}

}  // namespace ddskey
