#include "daemon/custodian/clock_custodian.h"

#include <utility>

namespace ddskey {

void ClockCustodian::Reset(const Subject& caller, Done done) {
  pool_.Post(caller, [this, caller, done = std::move(done)] {
    Trail trail(authorizer_, caller, "ResetClock", "");
    // For all keys: every one is judged by this clock.
    absl::Status status = trail.Administer(authorizer_, caller, Action::kTrustChange, "");
    if (status.ok()) status = clock_.Reset();
    trail.End(status);
    if (!status.ok()) return done(status);
    done(clock_.state());
  });
}

}  // namespace ddskey
