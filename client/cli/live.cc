#include "client/cli/live.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/output.h"
#include "client/cli/painter.h"
#include "client/cli/status_page.h"
#include "client/cli/text.h"

namespace ddskey::cli {
namespace {

// ECMA-48: to the first column of the first line; erase what is right of the cursor; erase what is below it.
constexpr char kHome[] = "\x1b[H";
constexpr char kErase[] = "\x1b[2J";
constexpr char kEraseRight[] = "\x1b[K";
constexpr char kEraseBelow[] = "\x1b[J";
constexpr char kNoColour[] = "\x1b[0m";

bool IsAway(const absl::Status& status) { return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status); }

// CutLine is the first `columns` characters of `line`; colours take no room.
std::string CutLine(std::string_view line, size_t columns) {
  std::string out;
  bool coloured = false;
  for (size_t i = 0, shown = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b') {
      const size_t end = line.find('m', i);
      if (end == std::string_view::npos) break;
      out += line.substr(i, end + 1 - i);
      coloured = true;
      i = end;
      continue;
    }
    // Octets that continue a character take no room either.
    if ((static_cast<unsigned char>(line[i]) & 0xc0) != 0x80 && ++shown > columns) {
      return coloured ? out + kNoColour : out;
    }
    out += line[i];
  }
  return out;
}

// Watcher is a WatchStatus under way.
class Watcher {
 public:
  Watcher(AdminClient& admin, const Io& io, const Live& live) : admin_(admin), io_(io), live_(live) {}

  absl::Status Run() {
    do {
      auto answer = admin_.GetStatus(v1::GetStatusRequest());
      if (!answer.ok() && !IsAway(answer.status())) return answer.status();
      if (answer.ok()) {
        if (away_since_.has_value()) Tell("ddskeyd answers again");
        away_since_.reset();
        last_ = *answer;
      } else if (!away_since_.has_value()) {
        away_since_ = live_.now();
        Tell("ddskeyd is away: " + Escape(std::string(answer.status().message())));
      }
      if (const absl::Status shown = Show(answer.status()); !shown.ok()) return shown;
      io_.out.flush();
      if (!io_.out) return absl::OkStatus();
    } while (live_.pause());
    if (io_.terminal) io_.out << '\n';
    return absl::OkStatus();
  }

 private:
  // Tell says something beside the pages, where these are not drawn over each other.
  void Tell(const std::string& line) {
    if (!io_.terminal || io_.json) io_.err << line << '\n' << std::flush;
  }

  absl::Status Show(const absl::Status& answered) {
    if (io_.json) return answered.ok() ? PrintJson(*last_, io_) : absl::OkStatus();
    if (io_.terminal) {
      Draw(answered);
    } else if (answered.ok()) {
      io_.out << FormatTime(absl::ToUnixSeconds(live_.now())) << '\n' << Page() << '\n';
    }
    return absl::OkStatus();
  }

  std::string Page() const {
    if (!last_.has_value()) return "";
    return StatusPage(*last_, live_.now(), {.colour = io_.colour, .user_name = &UserName});
  }

  void Draw(const absl::Status& answered) {
    const Painter painter(io_.colour);
    const absl::Time now = live_.now();
    std::string text = painter.Paint(Ink::kFaint, FormatTime(absl::ToUnixSeconds(now)) + "   Ctrl-C ends") + "\n";
    if (!answered.ok()) {
      absl::StrAppend(
          &text,
          painter.Paint(Ink::kBad, absl::StrCat("ddskeyd is away for ", absl::ToInt64Seconds(now - *away_since_),
                                                " s: ", Escape(std::string(answered.message())))),
          "\n", last_.has_value() ? "What it said last:\n\n" : "");
    }
    text = FitScreen(absl::StrCat(text, Page()), live_.screen());
    io_.out << (drawn_ ? "" : kErase) << kHome;
    for (const absl::string_view line : absl::StrSplit(text, absl::ByChar('\n'), absl::SkipEmpty())) {
      io_.out << line << kEraseRight << '\n';
    }
    io_.out << kEraseBelow;
    drawn_ = true;
  }

  AdminClient& admin_;
  const Io& io_;
  const Live& live_;
  std::optional<v1::GetStatusResponse> last_;
  std::optional<absl::Time> away_since_;
  bool drawn_ = false;
};

}  // namespace

std::string FitScreen(std::string_view text, const Screen& screen) {
  std::vector<std::string> lines = absl::StrSplit(absl::string_view(text.data(), text.size()), '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  // The cursor stands in the line after the last one.
  const size_t rows = std::max<size_t>(screen.rows, 3) - 1;
  const bool is_cut = lines.size() > rows;
  const size_t shown = is_cut ? rows - 1 : lines.size();
  std::string out;
  for (size_t i = 0; i < shown; ++i) absl::StrAppend(&out, CutLine(lines[i], screen.columns), "\n");
  if (is_cut)
    absl::StrAppend(&out, CutLine(absl::StrCat("... ", lines.size() - shown, " more lines"), screen.columns), "\n");
  return out;
}

absl::Status WatchStatus(AdminClient& admin, const Io& io, const Live& live) { return Watcher(admin, io, live).Run(); }

std::function<bool()> PauseOf(absl::Duration interval) {
  return [interval] {
    sigset_t ends, before;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, &before);
    const timespec time = absl::ToTimespec(interval);
    const int signal = sigtimedwait(&ends, nullptr, &time);
    // Stopped and continued by its shell, it draws at once.
    const bool goes_on = signal < 0;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return goes_on;
  };
}

Screen ScreenOfOutput() {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {.columns = size.ws_col, .rows = size.ws_row};
}

}  // namespace ddskey::cli
