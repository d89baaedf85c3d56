#include "daemon/watch_backends.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/backend/key_backend.h"
#include "daemon/backend/late_backend.h"

namespace ddskey {

void WatchBackends(const BackendSet& backends, Liveness& liveness) {
  for (const BackendSet::Entry& entry : backends.entries()) {
    const std::string what = absl::StrCat("the queue of the backend ", entry.name);
    if (const auto* const late = dynamic_cast<const LateBackend*>(entry.backend.get()); late != nullptr) {
      // Its Health would open it, on this thread, which feeds the watchdog.
      liveness.Watch(what, [late] { return late->Stalled(); });
      continue;
    }
    liveness.Watch(what, [&backend = *entry.backend] {
      const BackendHealth health = backend.Health();
      return health.healthy ? health.stalled : Liveness::Duration::zero();
    });
  }
}

}  // namespace ddskey
