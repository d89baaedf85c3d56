#include <optional>
#include <string>

#include "client/cli/commands.h"
#include "client/cli/metrics_text.h"
#include "client/cli/replace_file.h"
#include "client/cli/status_metrics.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr mode_t kReadableByAll = 0644;

constexpr Option kOptions[] = {
    {.name = "no-key-names", .value = "", .help = "leave out names of keys, as in a file that everybody may read"},
    {.name = "out", .value = "FILE", .help = "replace this file at once, readable by all, instead of printing"},
    {.name = "format",
     .value = "openmetrics|prometheus",
     .help = "which text; node_exporter's textfile collector reads prometheus (default openmetrics)"},
};

absl::StatusOr<MetricsFormat> FormatOf(const Arguments& arguments) {
  const std::string name = arguments.Value("format").value_or("openmetrics");
  if (name == "openmetrics") return MetricsFormat::kOpenMetrics;
  if (name == "prometheus") return MetricsFormat::kPrometheus;
  return UsageError("--format is openmetrics or prometheus");
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  ASSIGN_OR_RETURN(const MetricsFormat format, FormatOf(arguments));
  const std::optional<std::string> file = arguments.Value("out");
  if (file.has_value() && (file->empty() || file->ends_with('/'))) return UsageError("--out names no file");
  if (io.json) return UsageError("metrics are text; for JSON see: ddskeyctl status --json");
  auto status = admin.GetStatus(v1::GetStatusRequest());
  if (status.ok() && arguments.Has("no-key-names")) {
    for (v1::Ending& ending : *status->mutable_endings()) ending.clear_key_name();
  }
  const std::string text = StatusMetrics(status.ok() ? &*status : nullptr, format);
  if (file.has_value()) {
    RETURN_IF_ERROR(ReplaceFile(*file, text, kReadableByAll));
  } else {
    io.out << text;
  }
  return status.status();
}

}  // namespace

constinit const Command kMetrics = {
    .name = "metrics",
    .summary = "Write what status says as metrics, for monitoring.",
    .details =
        "They are OpenMetrics text or Prometheus' text format. If the daemon does not answer they say no more than "
        "that\n"
        "(ddskey_up 0), and the exit status is that of the failed call. A folder on the way to FILE must be no "
        "symbolic link.",
    .operands = {},
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
