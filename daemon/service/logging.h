#ifndef DAEMON_SERVICE_LOGGING_H_
#define DAEMON_SERVICE_LOGGING_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ddskey {

// LogTarget is where log lines and audit records go.
enum class LogTarget { kStderr, kJournal };

// ParseLogTarget reads `target` of config.proto: "stderr", "journal", or "auto" (also if empty), which is the journal
// if stderr is connected to it and stderr if not. INVALID_ARGUMENT for anything else.
absl::StatusOr<LogTarget> ParseLogTarget(const std::string& target);

// SetUpLogging makes spdlog's default logger write to `target` from `level` on ("debug", "info" (also if empty),
// "warning" or "error"). Call it once, before there are threads. INVALID_ARGUMENT for an unknown level.
absl::Status SetUpLogging(LogTarget target, const std::string& level);

}  // namespace ddskey

#endif  // DAEMON_SERVICE_LOGGING_H_
