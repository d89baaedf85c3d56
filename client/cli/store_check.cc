#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

void Print(const v1::StoreReport& report, const Io& io) {
  std::vector<std::vector<std::string>> rows = {{"NAME", "GENERATION", "STATE", "RESULT"}};
  for (const v1::CheckIdentityResponse& identity : report.identities()) {
    for (const v1::KeyCheck& check : identity.checks()) {
      rows.push_back({identity.name(), std::to_string(check.number()), check.state(), check.good() ? "good" : "BAD"});
    }
  }
  io.out << FormatTable(rows);
  for (const v1::CheckIdentityResponse& identity : report.identities()) {
    for (const v1::KeyCheck& check : identity.checks()) {
      if (check.problem().empty()) continue;
      io.out << '\n' << Escape(identity.name()) << ", generation " << check.number() << ": " << Escape(check.problem());
      if (!check.fix().empty()) io.out << "\n  " << Escape(check.fix());
      io.out << '\n';
    }
  }
}

absl::Status Run(const Arguments&, AdminClient& admin, const Io& io) {
  ASSIGN_OR_RETURN(const v1::CheckStoreResponse store, admin.CheckStore(v1::CheckStoreRequest()));
  v1::StoreReport report;
  int bad = 0;
  for (const std::string& name : store.names()) {
    v1::CheckIdentityRequest request;
    request.set_name(name);
    const auto checked = admin.CheckIdentity(request);
    // It may have been purged meanwhile.
    if (absl::IsNotFound(checked.status())) continue;
    RETURN_IF_ERROR(checked.status());
    *report.add_identities() = *checked;
    for (const v1::KeyCheck& check : checked->checks()) bad += check.good() ? 0 : 1;
  }
  if (io.json) {
    RETURN_IF_ERROR(PrintJson(report, io));
  } else {
    Print(report, io);
  }
  if (bad == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(std::to_string(bad) + (bad == 1 ? " key is" : " keys are") + " not good");
}

}  // namespace

constinit const Command kStoreCheck = {
    .name = "store check",
    .summary = "Prove that every key works and fits its certificate.",
    .details =
        "Each key signs something of the daemon's own. What is wrong is said with what mends it; the exit status is 1\n"
        "then.",
    .operands = {},
    .options = {},
    .run = &Run,
};

}  // namespace ddskey::cli
