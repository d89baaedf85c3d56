#ifndef DAEMON_WATCH_BACKENDS_H_
#define DAEMON_WATCH_BACKENDS_H_

#include "daemon/custodian/backend_set.h"
#include "daemon/service/liveness.h"

namespace ddskey {

// WatchBackends has `liveness` watch that the queue of every healthy backend moves. One that is not healthy knows what
// it waits for, a device that is away or does not answer, and a restart of the daemon would not help it. `backends`
// must outlive `liveness`.
void WatchBackends(const BackendSet& backends, Liveness& liveness);

}  // namespace ddskey

#endif  // DAEMON_WATCH_BACKENDS_H_
