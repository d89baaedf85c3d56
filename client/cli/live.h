#ifndef CLIENT_CLI_LIVE_H_
#define CLIENT_CLI_LIVE_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/admin_client.h"
#include "client/cli/command.h"

namespace ddskey::cli {

// Screen is how much a terminal shows.
struct Screen {
  size_t columns = 80;
  size_t rows = 24;
};

// FitScreen is `text`, which may have colours, cut to what `screen` shows, with a last line that says how much more
// there is.
std::string FitScreen(std::string_view text, const Screen& screen);

// Live is what WatchStatus needs of the world.
struct Live {
  // Waits until the next look; false if somebody wants it to end.
  std::function<bool()> pause;
  std::function<absl::Time()> now;
  // How much the terminal shows now.
  std::function<Screen()> screen;
};

// WatchStatus shows the daemon's status again and again until `live.pause` says that it is enough: on a terminal in the
// same place, else (or as JSON) one after the other. A daemon that is away is waited for, and what it said last is
// shown meanwhile. Any other error ends it, as does an output that nobody reads.
absl::Status WatchStatus(AdminClient& admin, const Io& io, const Live& live);

// PauseOf makes a Live::pause of `interval`. SIGINT and SIGTERM during a pause end it, and the process goes on.
std::function<bool()> PauseOf(absl::Duration interval);

// ScreenOf is the size of the terminal that is the standard output.
Screen ScreenOfOutput();

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_LIVE_H_
