#include "daemon/rpc/grpc_log.h"

#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

#include <mutex>

#include "absl/strings/escaping.h"
#include "daemon/rpc/log_throttle.h"

namespace ddskey {
namespace {

void Log(gpr_log_func_args* args) {
  // gRPC has one log function for the process, without an argument of ours.
  static std::mutex mutex;
  static LogThrottle throttle;
  const std::lock_guard lock(mutex);
  const auto left_out = throttle.Admit();
  if (!left_out.has_value()) return;
  const spdlog::level::level_enum level = args->severity == GPR_LOG_SEVERITY_ERROR  ? spdlog::level::warn
                                          : args->severity == GPR_LOG_SEVERITY_INFO ? spdlog::level::info
                                                                                    : spdlog::level::debug;
  spdlog::log(level, "gRPC: {} ({} such lines left out)", absl::CHexEscape(args->message), *left_out);
}

}  // namespace

void RouteGrpcLog() { gpr_set_log_function(&Log); }

}  // namespace ddskey
