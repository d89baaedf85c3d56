#ifndef DAEMON_SERVICE_SIGNALS_H_
#define DAEMON_SERVICE_SIGNALS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ddskey {

// Signal is what the service manager or a person asks the daemon to do.
enum class Signal {
  // SIGTERM or SIGINT.
  kStop,
  // SIGHUP.
  kReload,
};

// BlockSignals blocks the signals of WaitForSignal in the calling thread and all threads that it starts. Call it before
// any thread exists: a signal is then only ever seen where it is waited for, and nothing runs in a signal handler.
absl::Status BlockSignals();

// WaitForSignal waits for the next signal. Only one thread may wait.
absl::StatusOr<Signal> WaitForSignal();

}  // namespace ddskey

#endif  // DAEMON_SERVICE_SIGNALS_H_
