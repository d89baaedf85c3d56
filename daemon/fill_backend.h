#ifndef DAEMON_FILL_BACKEND_H_
#define DAEMON_FILL_BACKEND_H_

#include "daemon/custodian/backend_set.h"
#include "ddskey/v1/admin.pb.h"

namespace ddskey {

// FillBackend says how a backend is, and what it has done.
void FillBackend(const BackendSet::Entry& entry, v1::BackendStatus& out);

}  // namespace ddskey

#endif  // DAEMON_FILL_BACKEND_H_
