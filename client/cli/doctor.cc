#include "client/cli/doctor.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "client/doctor/configuration.h"
#include "client/doctor/daemon_check.h"
#include "client/doctor/device_check.h"
#include "client/doctor/machine_check.h"
#include "client/doctor/policy_check.h"
#include "client/doctor/shim_check.h"
#include "client/doctor/system_host.h"
#include "ddskey/v1/config.pb.h"
#include "ddskey/v1/doctor.pb.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

using doctor::Finding;
using doctor::Findings;
using doctor::Level;

// Where `ddskeyctl setup` puts what an identity's applications read.
constexpr std::string_view kApplications = "/etc/ddskeyd/applications/";
// Of the longest name of a level, so that texts begin in one column.
constexpr size_t kLevelWidth = 9;

constexpr Option kOptions[] = {
    {.name = "identity", .value = "NAME", .help = "look at this identity's keys only"},
    {.name = "as", .value = "USER", .help = "try handshakes as this user; one whom the policy allows if not given"},
    {.name = "config", .value = "FILE", .help = "the daemon's configuration (default /etc/ddskeyd/ddskeyd.textproto)"},
};

// Examination looks at everything in turn.
class Examination {
 public:
  Examination(AdminClient& admin, const DoctorOptions& options, const DoctorSenses& senses)
      : admin_(admin), options_(options), senses_(senses) {}

  Findings Run() {
    v1::Config config = ReadConfiguration(senses_.host, options_.config, options_.daemon, findings_);
    if (!options_.admin_socket.empty()) config.set_admin_socket(options_.admin_socket);
    CheckSockets(senses_.host, config, findings_);
    senses_.check_service(config.socket(), findings_);
    CheckState(senses_.host, config, findings_);
    CheckMachine(senses_.host, findings_);
    CheckDevices(senses_.host, config, findings_);
    CheckShim(senses_.host, doctor::LibraryFolder(), findings_);
    LookAtDaemon();
    policy_ = CheckPolicy(senses_.host, config.policy_file(), keys_, findings_);
    for (const v1::Key& key : keys_) TryKey(key, config);
    return std::move(findings_);
  }

 private:
  void LookAtDaemon();
  void TryKey(const v1::Key& key, const v1::Config& config);
  bool FindUser(const v1::Key& key, std::optional<doctor::UserFacts>& user);
  bool FindDocuments(doctor::SelfTest& test);

  std::string Application(const std::string& key, std::string_view file) const {
    return absl::StrCat(std::string(kApplications), key, "/", std::string(file));
  }

  AdminClient& admin_;
  const DoctorOptions& options_;
  const DoctorSenses& senses_;
  Findings findings_;
  std::vector<v1::Key> keys_;
  doctor::PolicyOnDisk policy_;
};

void Examination::LookAtDaemon() {
  const absl::StatusOr<v1::GetStatusResponse> status = admin_.GetStatus(v1::GetStatusRequest());
  if (!status.ok()) {
    const bool refused = absl::IsPermissionDenied(status.status());
    findings_.Problem(
        "daemon.answers", absl::StrCat("the daemon does not say how it is: ", status.status().message()),
        refused ? "sudo ddskeyctl doctor" : "systemctl restart ddskeyd.socket ddskeyd-admin.socket ddskeyd");
    return;
  }
  CheckStatus(*status, findings_);
  const absl::StatusOr<v1::ListKeysResponse> keys = admin_.ListKeys(v1::ListKeysRequest());
  if (!keys.ok()) {
    findings_.Warn("key.list", absl::StrCat("keys were not looked at: ", keys.status().message()),
                   "sudo ddskeyctl doctor");
    return;
  }
  keys_.assign(keys->keys().begin(), keys->keys().end());
  const auto prove = [this](const std::string& name) {
    v1::CheckIdentityRequest request;
    request.set_name(name);
    return admin_.CheckIdentity(request);
  };
  CheckKeys(prove, options_.identity, keys_, findings_);
}

// FindUser chooses as whom to try; false if there is nobody.
bool Examination::FindUser(const v1::Key& key, std::optional<doctor::UserFacts>& user) {
  if (!options_.user.empty()) {
    user = senses_.host.User(options_.user);
    if (user.has_value()) return true;
    findings_.Problem("handshake", absl::StrCat("there is no user ", options_.user), "getent passwd");
    return false;
  }
  if (senses_.host.Self() != 0) return true;
  for (const doctor::UserFacts& candidate : policy_.users) {
    if (policy_.policy == nullptr || !MayHandshake(*policy_.policy, candidate, key)) continue;
    // An application's user rather than root.
    if (!user.has_value() || user->uid == 0) user = candidate;
  }
  if (user.has_value()) return true;
  findings_.Warn("handshake",
                 absl::StrCat("no handshake of ", key.name(),
                              " was tried: the policy names no user who may use it towards itself"),
                 absl::StrCat("ddskeyctl doctor --identity ", key.name(), " --as USER"));
  return false;
}

// FindDocuments fills in what the participant would have in its QoS; false if it is not there.
bool Examination::FindDocuments(doctor::SelfTest& test) {
  v1::GetCertificateRequest request;
  request.set_key_name(test.key);
  const absl::StatusOr<v1::GetCertificateResponse> installed = admin_.GetCertificate(request);
  if (!installed.ok()) {
    findings_.Warn("handshake",
                   absl::StrCat("no handshake of ", test.key, " was tried: ", installed.status().message()),
                   absl::StrCat("ddskeyctl cert show ", test.key));
    return false;
  }
  constexpr std::string_view kEnd = "-----END CERTIFICATE-----\n";
  const std::string& chain = installed->chain_pem();
  const size_t end = chain.find(kEnd);
  test.certificate = end == std::string::npos ? chain : chain.substr(0, end + kEnd.size());
  v1::GetTrustRequest about;
  about.set_key_name(test.key);
  const absl::StatusOr<v1::TrustResponse> trust = admin_.GetTrust(about);
  if (!trust.ok() || trust->options().permissions_sha256().empty()) return true;
  // Pinned: no other document will do.
  const std::string path = Application(test.key, "permissions.p7s");
  const absl::StatusOr<std::string> permissions = senses_.host.Read(path);
  if (permissions.ok()) {
    test.permissions = *permissions;
    return true;
  }
  findings_.Warn(
      "handshake",
      absl::StrCat("no handshake of ", test.key, " was tried: its permissions document is pinned, and not at ",
                   permissions.status().message()),
      absl::StrCat("install -D -m 0644 FILE ", path));
  return false;
}

void Examination::TryKey(const v1::Key& key, const v1::Config& config) {
  if (!options_.identity.empty() && key.name() != options_.identity) return;
  if (key.state() != "active" || key.purpose() != "handshake" || !key.has_certificate()) return;
  doctor::SelfTest test;
  test.socket = config.socket();
  test.key = key.name();
  if (!FindUser(key, test.user) || !FindDocuments(test)) return;
  JudgeHandshake(test, senses_.try_handshake(test), config.policy_file(), findings_);
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

// Counted is "1 problem" or "2 problems".
std::string Counted(size_t count, std::string_view one) {
  return absl::StrCat(count, " ", std::string(one), count == 1 ? "" : "s");
}

void Print(const Findings& findings, const Io& io) {
  for (const Finding& finding : findings.all()) {
    std::string level(finding.level == Level::kProblem ? "PROBLEM" : NameOf(finding.level));
    level.resize(kLevelWidth, ' ');
    io.out << level << Escape(finding.text) << " [" << Escape(finding.check) << "]\n";
    if (!finding.fix.empty()) io.out << std::string(kLevelWidth, ' ') << "fix: " << Escape(finding.fix) << '\n';
  }
  io.out << Counted(findings.Count(Level::kProblem), "problem") << ", "
         << Counted(findings.Count(Level::kWarning), "warning") << ", " << findings.Count(Level::kOk) << " ok\n";
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  DoctorOptions options;
  options.identity = arguments.Value("identity").value_or("");
  options.user = arguments.Value("as").value_or("");
  options.config = arguments.Value("config").value_or(options.config);
  options.admin_socket = arguments.Value("socket").value_or("");
  if (options.config.empty()) return UsageError("--config names no file");
  return Diagnose(admin, options, io);
}

}  // namespace

absl::Status Diagnose(AdminClient& admin, const DoctorOptions& options, const DoctorSenses& senses, const Io& io) {
  const Findings findings = Examination(admin, options, senses).Run();
  if (io.json) {
    RETURN_IF_ERROR(PrintJson(ReportOf(findings), io));
  } else {
    Print(findings, io);
  }
  const size_t problems = findings.Count(Level::kProblem);
  if (problems == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("found ", Counted(problems, "problem")));
}

absl::Status Diagnose(AdminClient& admin, const DoctorOptions& options, const Io& io) {
  const doctor::SystemHost host;
  return Diagnose(admin, options,
                  {.host = host, .check_service = &doctor::CheckService, .try_handshake = &doctor::TryHandshake}, io);
}

constinit const Command kDoctor = {
    .name = "doctor",
    .summary = "Look for what is wrong with the daemon and this host, and say what mends it.",
    .details =
        "Looks at configuration, policy, sockets, state, clock, devices, certificates and libraries, has every key "
        "sign\n"
        "something of the daemon's own, and tries a handshake of each identity with itself, as a user whom the policy\n"
        "lets use it. Run it as root: others see less. It changes nothing. The exit status is 1 if there is a "
        "problem;\n"
        "warnings do not change it.",
    .operands = {},
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
