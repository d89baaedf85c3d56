#include "client/cli/status_page.h"

#include <pwd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/attention.h"
#include "client/cli/painter.h"
#include "client/cli/text.h"

namespace ddskey::cli {
namespace {

// Plural is "1 key" or "2 keys".
std::string Plural(uint64_t count, absl::string_view one, absl::string_view many) {
  return absl::StrCat(count, " ", count == 1 ? one : many);
}

// FormatSpan is a length of time with its two largest units: "3 d 4 h".
std::string FormatSpan(double seconds) {
  const auto whole = static_cast<int64_t>(std::max(seconds, 0.0));
  if (whole >= 86'400) return absl::StrCat(whole / 86'400, " d ", whole % 86'400 / 3'600, " h");
  if (whole >= 3'600) return absl::StrCat(whole / 3'600, " h ", whole % 3'600 / 60, " min");
  if (whole >= 60) return absl::StrCat(whole / 60, " min ", whole % 60, " s");
  return absl::StrCat(whole, " s");
}

std::string FormatShort(double seconds) {
  if (seconds >= 1) return absl::StrFormat("%.1f s", seconds);
  return seconds >= 0.001 ? absl::StrFormat("%.1f ms", seconds * 1e3) : absl::StrFormat("%.0f us", seconds * 1e6);
}

// Page is the page while it is written.
class Page {
 public:
  Page(const v1::GetStatusResponse& status, absl::Time now, const PageOptions& options)
      : status_(status), now_(now), options_(options), painter_(options.colour) {}

  std::string Write() {
    PrintHead();
    for (const v1::BackendStatus& backend : status_.backends()) PrintBackend(backend);
    PrintState();
    PrintEndings();
    PrintRefusals();
    return std::move(text_);
  }

 private:
  void PrintHead() {
    const std::vector<Attention> attention = FindAttention(status_, now_);
    const bool fails = !attention.empty() && attention.front().is_failure;
    const std::string verdict =
        attention.empty() ? "all is well" : Plural(attention.size(), "thing needs attention", "things need attention");
    absl::StrAppend(&text_, painter_.Paint(Ink::kTitle, "ddskeyd " + Escape(status_.version())), ", running for ",
                    FormatSpan(status_.uptime_seconds()), " since ", FormatTime(status_.started()), ": ",
                    painter_.Paint(fails               ? Ink::kBad
                                   : attention.empty() ? Ink::kGood
                                                       : Ink::kWarning,
                                   verdict),
                    "\n");
    for (const Attention& one : attention) {
      absl::StrAppend(&text_, painter_.Paint(one.is_failure ? Ink::kBad : Ink::kWarning, one.is_failure ? "!!" : " !"),
                      " ", Escape(one.what), "\n");
      if (!one.fix.empty()) absl::StrAppend(&text_, "   Do: ", Escape(one.fix), "\n");
    }
    text_ += '\n';
  }

  void PrintBackend(const v1::BackendStatus& backend) {
    const std::string state = backend.healthy() ? "healthy" : Escape(backend.problem());
    absl::StrAppend(&text_, painter_.Paint(Ink::kTitle, "Backend " + Escape(backend.name())), " (",
                    Escape(backend.kind()), "): ", painter_.Paint(backend.healthy() ? Ink::kGood : Ink::kBad, state),
                    backend.outages() == 0 ? "" : "; it was away " + Plural(backend.outages(), "time", "times"), "\n");
    if (!backend.warning().empty()) Line("  Warning:     ", painter_.Paint(Ink::kWarning, Escape(backend.warning())));
    if (!backend.device().empty()) Line("  Device:      ", Escape(backend.device()));
    Line("  Protection:  ", Escape(backend.protection()));
    Line("  Algorithms:  ", Escape(absl::StrJoin(backend.algorithms(), ", ")));
    const v1::Durations& signing = backend.signing();
    Line("  Work:        ",
         absl::StrCat(Plural(backend.signatures(), "signature", "signatures"), " since start",
                      signing.count() == 0
                          ? ""
                          : ", " + FormatShort(signing.sum() / static_cast<double>(signing.count())) + " each"));
    Line("  Queue:       ",
         absl::StrCat(backend.queue_length(), " of ", backend.queue_limit(), " waiting, ", backend.running(),
                      " being done; ", backend.rejected(), " found no room, ", backend.expired(), " were too late"));
  }

  void PrintState() {
    text_ += '\n';
    Line("Keys:        ",
         absl::StrCat(
             status_.keys(), " active",
             status_.unusable_keys() == 0 ? "" : absl::StrCat(", ", status_.unusable_keys(), " of them unusable"),
             " (schema ", status_.schema_version(), ")"));
    Line("Policy:      ",
         absl::StrCat(status_.policy_file().empty() ? "no file: the superuser administers, nobody uses a key"
                                                    : Escape(status_.policy_file()),
                      " (", status_.policy_rules(), " rules)"));
    Line("Handshakes:  ",
         absl::StrCat(status_.handshakes_allowed(), " allowed, ", status_.handshakes_refused(), " refused"));
    Line("Users:       ", absl::StrCat(Plural(status_.participants(), "participant", "participants"), " of ",
                                       Plural(status_.participant_processes(), "process", "processes"), "; ",
                                       Plural(status_.application_server().connections(), "connection", "connections"),
                                       ", ", status_.watches(), " waiting for changes"));
    PrintLimits();
    if (status_.has_clock()) PrintClock(status_.clock());
    for (const v1::RevocationListFileStatus& file : status_.revocation_list_files()) PrintListFile(file);
  }

  void PrintLimits() {
    const v1::ServerStatus& server = status_.application_server();
    if (server.calls_limited() + server.connections_ended() == 0) return;
    Line("Limits:      ", absl::StrCat(Plural(server.calls_limited(), "call", "calls"), " over a limit, ",
                                       Plural(server.connections_ended(), "connection", "connections"),
                                       " ended for what the client did"));
  }

  void PrintClock(const v1::ClockStatus& clock) {
    Line("Clock:       ",
         absl::StrCat(clock.set() ? "set" : painter_.Paint(Ink::kBad, "NOT SET"), ", says ", FormatTime(clock.now()),
                      "; last good time ", clock.last_good() == 0 ? "not known yet" : FormatTime(clock.last_good())));
  }

  void PrintListFile(const v1::RevocationListFileStatus& file) {
    absl::StrAppend(&text_, "Revocation list file ", Escape(file.path()),
                    file.keys().empty() ? "" : " (keys " + Escape(absl::StrJoin(file.keys(), ", ")) + ")", ": ",
                    file.problem().empty() ? "in force" : painter_.Paint(Ink::kBad, Escape(file.problem())), "\n");
    for (const v1::RevocationList& list : file.lists()) {
      absl::StrAppend(&text_, "  ", Escape(list.issuer()), ": number ",
                      list.number().empty() ? "-" : "0x" + Escape(list.number()), ", ", list.revoked(),
                      " revoked, next update ", FormatEnd(list.next_update(), now_), "\n");
    }
  }

  void PrintEndings() {
    if (status_.endings().empty()) return;
    std::vector<std::vector<std::string>> rows = {{"KEY", "WHAT", "SUBJECT", "ENDS"}};
    for (const v1::Ending& ending : status_.endings()) {
      rows.push_back({ending.key_name().empty() ? "-" : ending.key_name(), ending.kind(),
                      ending.subject().empty() ? "-" : ending.subject(), FormatEnd(ending.end(), now_)});
    }
    absl::StrAppend(&text_, "\n", FormatTable(rows));
  }

  void PrintRefusals() {
    if (status_.refusals().empty()) return;
    absl::StrAppend(&text_, "\n", painter_.Paint(Ink::kTitle, "Last refusals"), ", the latest first:\n");
    for (const v1::Refusal& refusal : status_.refusals()) PrintRefusal(refusal);
  }

  void PrintRefusal(const v1::Refusal& refusal) {
    const double ago = absl::ToDoubleSeconds(now_ - absl::FromUnixSeconds(refusal.time()));
    absl::StrAppend(&text_, "  ", FormatSpan(ago), " ago",
                    refusal.count() > 1 ? absl::StrCat(" (", refusal.count(), " times)") : "", ": ", WhoAsked(refusal),
                    ", ", Escape(refusal.operation()),
                    refusal.key_name().empty() ? "" : " with the key " + Escape(refusal.key_name()),
                    refusal.peer().empty() ? "" : " for the peer " + Escape(refusal.peer()), "\n    ",
                    painter_.Paint(Ink::kWarning, Escape(refusal.code())),
                    refusal.reason().empty() ? "" : ": " + Escape(refusal.reason()),
                    refusal.details_withheld() ? " (key and reason are shown to who may do KEY_LIST)" : "", "\n");
  }

  std::string WhoAsked(const v1::Refusal& refusal) const {
    const std::string name = options_.user_name ? options_.user_name(refusal.uid()) : "";
    return absl::StrCat(name.empty() ? absl::StrCat("user ", refusal.uid()) : Escape(name), " (process ", refusal.pid(),
                        ")");
  }

  void Line(absl::string_view label, absl::string_view text) { absl::StrAppend(&text_, label, text, "\n"); }

  const v1::GetStatusResponse& status_;
  const absl::Time now_;
  const PageOptions& options_;
  const Painter painter_;
  std::string text_;
};

}  // namespace

std::string StatusPage(const v1::GetStatusResponse& status, absl::Time now, const PageOptions& options) {
  return Page(status, now, options).Write();
}

std::string UserName(uid_t uid) {
  const passwd* const account = getpwuid(uid);
  return account == nullptr ? "" : account->pw_name;
}

}  // namespace ddskey::cli
