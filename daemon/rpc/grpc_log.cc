#include "daemon/rpc/grpc_log.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

#include <mutex>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "daemon/rpc/log_throttle.h"

namespace ddskey {
namespace {

// BoundedLog writes lines of a library, not too many.
class BoundedLog {
 public:
  void Write(const char* library, spdlog::level::level_enum level, absl::string_view message) {
    const std::lock_guard lock(mutex_);
    const auto left_out = throttle_.Admit();
    if (!left_out.has_value()) return;
    spdlog::log(level, "{}: {} ({} such lines left out)", library, absl::CHexEscape(message), *left_out);
  }

 private:
  std::mutex mutex_;
  LogThrottle throttle_;
};

// Both libraries have one log function for the process, without an argument of ours.
void LogGrpc(gpr_log_func_args* args) {
  static BoundedLog log;
  const spdlog::level::level_enum level = args->severity == GPR_LOG_SEVERITY_ERROR  ? spdlog::level::warn
                                          : args->severity == GPR_LOG_SEVERITY_INFO ? spdlog::level::info
                                                                                    : spdlog::level::debug;
  log.Write("gRPC", level, args->message);
}

void LogProtobuf(google::protobuf::LogLevel level, const char*, int, const std::string& message) {
  static BoundedLog log;
  log.Write("protobuf", level == google::protobuf::LOGLEVEL_INFO ? spdlog::level::info : spdlog::level::warn, message);
}

}  // namespace

void RouteGrpcLog() {
  gpr_set_log_function(&LogGrpc);
  google::protobuf::SetLogHandler(&LogProtobuf);
}

}  // namespace ddskey
