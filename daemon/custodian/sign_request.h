#ifndef DAEMON_CUSTODIAN_SIGN_REQUEST_H_
#define DAEMON_CUSTODIAN_SIGN_REQUEST_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/custodian/backend_set.h"
#include "daemon/custodian/worker_pool.h"
#include "daemon/keystore/key_store.h"
#include "daemon/trust/certification_request.h"

namespace ddskey {

// SignRequest has the key `generation` sign a certification request of its own. It returns at once; `done` is called
// with the PEM request, on the pool unless nothing was asked of a device. FAILED_PRECONDITION for a key that signs
// nothing, UNAVAILABLE if no backend is known to hold it.
void SignRequest(WorkerPool& pool, const BackendSet& backends, const KeyGeneration& generation,
                 CertificationRequest request, std::function<void(absl::StatusOr<std::string>)> done);

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_SIGN_REQUEST_H_
