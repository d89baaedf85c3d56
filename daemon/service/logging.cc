#include "daemon/service/logging.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/systemd_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ddskey {
namespace {

// systemd.exec(5): $JOURNAL_STREAM is "DEVICE:INODE" of the stream that a service's output was connected to. It is
// inherited, so the descriptor decides.
bool StderrIsTheJournal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat there = {};
  return stream != nullptr && fstat(STDERR_FILENO, &there) == 0 &&
         stream == absl::StrCat(there.st_dev, ":", there.st_ino);
}

absl::StatusOr<spdlog::level::level_enum> ParseLevel(const std::string& level) {
  if (level == "debug") return spdlog::level::debug;
  if (level == "info" || level.empty()) return spdlog::level::info;
  if (level == "warning") return spdlog::level::warn;
  if (level == "error") return spdlog::level::err;
  return absl::InvalidArgumentError("the log level is one of debug, info, warning, error");
}

}  // namespace

absl::StatusOr<LogTarget> ParseLogTarget(const std::string& target) {
  if (target == "stderr") return LogTarget::kStderr;
  if (target == "journal") return LogTarget::kJournal;
  if (target == "auto" || target.empty()) return StderrIsTheJournal() ? LogTarget::kJournal : LogTarget::kStderr;
  return absl::InvalidArgumentError("the log target is one of auto, journal, stderr");
}

absl::Status SetUpLogging(LogTarget target, const std::string& level) {
  const auto parsed = ParseLevel(level);
  if (!parsed.ok()) return parsed.status();
  spdlog::sink_ptr sink;
  if (target == LogTarget::kJournal) {
    sink = std::make_shared<spdlog::sinks::systemd_sink_mt>("ddskeyd");
  } else {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    sink->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  }
  auto logger = std::make_shared<spdlog::logger>("ddskeyd", std::move(sink));
  logger->set_level(*parsed);
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

}  // namespace ddskey
