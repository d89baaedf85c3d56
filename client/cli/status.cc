#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

void PrintBackend(const v1::BackendStatus& backend, const Io& io) {
  io.out << "Backend " << Escape(backend.name()) << " (" << Escape(backend.kind())
         << "): " << (backend.healthy() ? "healthy" : Escape(backend.problem())) << '\n';
  if (!backend.warning().empty()) io.out << "  Warning:     " << Escape(backend.warning()) << '\n';
  if (!backend.device().empty()) io.out << "  Device:      " << Escape(backend.device()) << '\n';
  io.out << "  Protection:  " << Escape(backend.protection()) << '\n'
         << "  Algorithms:  " << Escape(absl::StrJoin(backend.algorithms(), ", ")) << '\n'
         << "  Work:        " << backend.signatures() << " signatures since start; " << backend.queue_length() << " of "
         << backend.queue_limit() << " waiting\n";
}

void PrintListFile(const v1::RevocationListFileStatus& file, const Io& io) {
  io.out << "Revocation list file " << Escape(file.path());
  if (!file.keys().empty()) io.out << " (keys " << Escape(absl::StrJoin(file.keys(), ", ")) << ")";
  io.out << ": " << (file.problem().empty() ? "in force" : Escape(file.problem())) << '\n';
  for (const v1::RevocationList& list : file.lists()) {
    io.out << "  " << Escape(list.issuer()) << ": number "
           << (list.number().empty() ? "-" : "0x" + Escape(list.number())) << ", " << list.revoked()
           << " revoked, next update " << FormatEnd(list.next_update(), io.now) << '\n';
  }
}

void PrintClock(const v1::ClockStatus& clock, const Io& io) {
  io.out << "Clock:       " << (clock.set() ? "set" : "NOT SET") << ", says " << FormatTime(clock.now())
         << "; last good time " << (clock.last_good() == 0 ? "not known yet" : FormatTime(clock.last_good())) << '\n';
}

void PrintEndings(const v1::GetStatusResponse& status, const Io& io) {
  if (status.endings().empty()) return;
  std::vector<std::vector<std::string>> rows = {{"KEY", "WHAT", "SUBJECT", "ENDS"}};
  for (const v1::Ending& ending : status.endings()) {
    rows.push_back({ending.key_name().empty() ? "-" : ending.key_name(), ending.kind(), ending.subject(),
                    FormatEnd(ending.end(), io.now)});
  }
  io.out << '\n' << FormatTable(rows);
}

void Print(const v1::GetStatusResponse& status, const Io& io) {
  io.out << "Daemon:      ddskeyd " << Escape(status.version()) << ", running since " << FormatTime(status.started())
         << '\n'
         << "Keys:        " << status.keys() << " active"
         << (status.unusable_keys() == 0 ? "" : ", " + std::to_string(status.unusable_keys()) + " of them unusable")
         << " (schema " << status.schema_version() << ")\n"
         << "Policy:      "
         << (status.policy_file().empty() ? "no file: the superuser administers, nobody uses a key"
                                          : Escape(status.policy_file()))
         << " (" << status.policy_rules() << " rules)\n"
         << "Handshakes:  " << status.handshakes_allowed() << " allowed, " << status.handshakes_refused()
         << " refused\n";
  if (status.has_clock()) PrintClock(status.clock(), io);
  for (const v1::RevocationListFileStatus& file : status.revocation_list_files()) PrintListFile(file, io);
  for (const v1::OutdatedOcspResponse& outdated : status.outdated_ocsp_responses()) {
    io.out << "Warning:     the OCSP response of the key " << Escape(outdated.key_name())
           << " is not shown to peers any more: next update " << FormatEnd(outdated.next_update(), io.now) << '\n';
  }
  for (const v1::KeyProblem& key : status.key_problems()) {
    io.out << "Warning:     the key " << Escape(key.key_name()) << " (generation " << key.generation()
           << ") does not sign: " << Escape(key.problem()) << '\n';
  }
  for (const v1::BackendStatus& backend : status.backends()) PrintBackend(backend, io);
  PrintEndings(status, io);
}

// What needs somebody's attention becomes the exit status, so that scripts can watch for it.
absl::Status Judge(const v1::GetStatusResponse& status) {
  if (!status.policy_error().empty()) {
    return absl::FailedPreconditionError("the last reload of the policy was not taken: " + status.policy_error());
  }
  if (status.has_clock() && !status.clock().set()) {
    return absl::FailedPreconditionError("the clock is not set; if it is right, see: ddskeyctl clock reset --help");
  }
  for (const v1::RevocationListFileStatus& file : status.revocation_list_files()) {
    if (!file.problem().empty()) {
      return absl::FailedPreconditionError("the revocation list file " + file.path() +
                                           " is not used: " + file.problem());
    }
  }
  for (const v1::BackendStatus& backend : status.backends()) {
    if (!backend.healthy()) {
      return absl::FailedPreconditionError("the backend " + backend.name() + " is not healthy: " + backend.problem());
    }
  }
  if (status.unusable_keys() > 0) {
    return absl::FailedPreconditionError("keys are held by no backend of the configuration; see: ddskeyctl key list");
  }
  for (const v1::KeyProblem& key : status.key_problems()) {
    return absl::FailedPreconditionError("the key " + key.key_name() + " does not sign: " + key.problem());
  }
  return absl::OkStatus();
}

absl::Status Run(const Arguments&, AdminClient& admin, const Io& io) {
  ASSIGN_OR_RETURN(const v1::GetStatusResponse response, admin.GetStatus(v1::GetStatusRequest()));
  if (io.json) {
    RETURN_IF_ERROR(PrintJson(response, io));
  } else {
    Print(response, io);
  }
  return Judge(response);
}

}  // namespace

constinit const Command kStatus = {
    .name = "status",
    .summary = "Say how the daemon and its backends are.",
    .details =
        "The exit status is 1 if a backend is not healthy, a key has no backend or does not sign, the last reload of "
        "the\n"
        "policy was not taken, the clock is not set, or a file of revocation lists is not used.",
    .operands = {},
    .options = {},
    .run = &Run,
};

}  // namespace ddskey::cli
