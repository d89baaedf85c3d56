#include "client/cli/doctor.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "client/doctor/daemon_check.h"
#include "client/doctor/finding.h"
#include "ddskey/v1/doctor.pb.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

using doctor::Finding;
using doctor::Findings;
using doctor::Level;

constexpr Option kOptions[] = {
    {.name = "identity", .value = "NAME", .help = "look at this identity's keys only"},
    {.name = "as", .value = "USER", .help = "try handshakes as this user; one whom the policy allows if not given"},
    {.name = "config", .value = "FILE", .help = "the daemon's configuration (default /etc/ddskeyd/ddskeyd.textproto)"},
};

void LookAtDaemon(AdminClient& admin, const DoctorOptions& options, Findings& findings) {
  const absl::StatusOr<v1::GetStatusResponse> status = admin.GetStatus(v1::GetStatusRequest());
  if (!status.ok()) {
    findings.Problem("daemon.answers", absl::StrCat("the daemon does not say how it is: ", status.status().message()),
                     absl::IsPermissionDenied(status.status())
                         ? "sudo ddskeyctl doctor"
                         : "systemctl restart ddskeyd.socket ddskeyd-admin.socket");
    return;
  }
  CheckStatus(*status, findings);
  const absl::StatusOr<v1::ListKeysResponse> keys = admin.ListKeys(v1::ListKeysRequest());
  if (!keys.ok()) {
    findings.Warn("key.list", absl::StrCat("keys were not looked at: ", keys.status().message()),
                  "sudo ddskeyctl doctor");
    return;
  }
  const auto prove = [&admin](const std::string& name) {
    v1::CheckIdentityRequest request;
    request.set_name(name);
    return admin.CheckIdentity(request);
  };
  CheckKeys(prove, options.identity, {keys->keys().begin(), keys->keys().end()}, findings);
}

v1::DoctorReport ReportOf(const Findings& findings) {
  v1::DoctorReport report;
  for (const Finding& finding : findings.all()) {
    v1::DoctorFinding& entry = *report.add_findings();
    entry.set_level(std::string(NameOf(finding.level)));
    entry.set_check(finding.check);
    entry.set_text(finding.text);
    entry.set_fix(finding.fix);
  }
  report.set_problems(static_cast<uint32_t>(findings.Count(Level::kProblem)));
  report.set_warnings(static_cast<uint32_t>(findings.Count(Level::kWarning)));
  return report;
}

// Of the longest name of a level, so that texts begin in one column.
constexpr size_t kLevelWidth = 9;

void Print(const Findings& findings, const Io& io) {
  for (const Finding& finding : findings.all()) {
    std::string level(finding.level == Level::kProblem ? "PROBLEM" : NameOf(finding.level));
    level.resize(kLevelWidth, ' ');
    io.out << level << Escape(finding.text) << " [" << Escape(finding.check) << "]\n";
    if (!finding.fix.empty()) io.out << std::string(kLevelWidth, ' ') << "fix: " << Escape(finding.fix) << '\n';
  }
  io.out << findings.Count(Level::kProblem) << " problems, " << findings.Count(Level::kWarning) << " warnings, "
         << findings.Count(Level::kOk) << " ok\n";
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  DoctorOptions options;
  options.identity = arguments.Value("identity").value_or("");
  options.user = arguments.Value("as").value_or("");
  options.config = arguments.Value("config").value_or(options.config);
  options.admin_socket = arguments.Value("socket").value_or("");
  return Diagnose(admin, options, io);
}

}  // namespace

absl::Status Diagnose(AdminClient& admin, const DoctorOptions& options, const Io& io) {
  Findings findings;
  LookAtDaemon(admin, options, findings);
  if (io.json) {
    RETURN_IF_ERROR(PrintJson(ReportOf(findings), io));
  } else {
    Print(findings, io);
  }
  const size_t problems = findings.Count(Level::kProblem);
  if (problems == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("found ", problems, problems == 1 ? " problem" : " problems"));
}

constinit const Command kDoctor = {
    .name = "doctor",
    .summary = "Look for what is wrong with the daemon and this host, and say what mends it.",
    .details = "The exit status is 1 if there is a problem; warnings do not change it.",
    .operands = {},
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
