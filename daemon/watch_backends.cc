#include "daemon/watch_backends.h"

#include "absl/strings/str_cat.h"
#include "daemon/backend/key_backend.h"

namespace ddskey {

void WatchBackends(const BackendSet& backends, Liveness& liveness) {
  for (const BackendSet::Entry& entry : backends.entries()) {
    liveness.Watch(absl::StrCat("the queue of the backend ", entry.name), [&backend = *entry.backend] {
      const BackendHealth health = backend.Health();
      return health.healthy ? health.stalled : Liveness::Duration::zero();
    });
  }
}

}  // namespace ddskey
