#include <charconv>
#include <string>
#include <system_error>

#include "absl/time/clock.h"
#include "client/cli/attention.h"
#include "client/cli/commands.h"
#include "client/cli/live.h"
#include "client/cli/output.h"
#include "client/cli/status_page.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr double kMostSeconds = 3600;
constexpr char kDefaultSeconds[] = "2";

constexpr Option kOptions[] = {
    {.name = "watch",
     .value = "SECONDS",
     .help = "show it again so often (default 2) until Ctrl-C, also across restarts of the daemon",
     .optional_number = true},
};

absl::StatusOr<absl::Duration> IntervalOf(const Arguments& arguments) {
  std::string text = arguments.Value("watch").value_or("");
  if (text.empty()) text = kDefaultSeconds;
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size() || !(seconds >= 0.1 && seconds <= kMostSeconds)) {
    return UsageError("--watch takes a number of seconds from 0.1 to 3600");
  }
  return absl::Seconds(seconds);
}

// What does not work becomes the exit status, so that scripts can watch for it.
absl::Status Judge(const v1::GetStatusResponse& status, absl::Time now) {
  for (const Attention& one : FindAttention(status, now)) {
    if (one.is_failure) return absl::FailedPreconditionError(one.what);
  }
  return absl::OkStatus();
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  if (arguments.Has("watch")) {
    ASSIGN_OR_RETURN(const absl::Duration interval, IntervalOf(arguments));
    return WatchStatus(admin, io, {.pause = PauseOf(interval), .now = &absl::Now, .screen = &ScreenOfOutput});
  }
  ASSIGN_OR_RETURN(const v1::GetStatusResponse response, admin.GetStatus(v1::GetStatusRequest()));
  if (io.json) {
    RETURN_IF_ERROR(PrintJson(response, io));
  } else {
    io.out << StatusPage(response, io.now, {.colour = io.colour, .user_name = &UserName});
  }
  return Judge(response, io.now);
}

}  // namespace

constinit const Command kStatus = {
    .name = "status",
    .summary = "Say how the daemon and its backends are.",
    .details =
        "What needs attention comes first, with what to do about it; then the backends, what ends when, and what was\n"
        "refused last. There are colours on a terminal, unless the environment has NO_COLOR.\n"
        "The exit status is 1 if a backend is not healthy, a key has no backend or does not sign, the last reload of "
        "the\n"
        "policy was not taken, the clock is not set, or a file of revocation lists is not used; with --watch it is 0.",
    .operands = {},
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
