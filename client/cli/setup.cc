#include <unistd.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/commands.h"
#include "client/cli/doctor.h"
#include "client/cli/drop_in.h"
#include "client/cli/setup_options.h"
#include "client/cli/text.h"
#include "client/setup/backend_probe.h"
#include "client/setup/execution.h"
#include "client/setup/plan.h"
#include "client/setup/service_manager.h"
#include "client/setup/wishes.h"
#include "client/socket_path.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr char kSettings[] = "/etc/ddskeyd";
constexpr char kSocket[] = "/run/ddskeyd/admin.sock";

// ServicesFor is what restarts the daemon that is administered: systemd only if it is the one of this host.
std::unique_ptr<setup::ServiceManager> ServicesFor(const Arguments& arguments, const std::string& settings) {
  const std::string socket = arguments.Value("socket").value_or(AdminSocketPath());
  if (setup::Systemd::Runs() && settings == kSettings && socket == kSocket) return std::make_unique<setup::Systemd>();
  return std::make_unique<setup::NoServiceManager>(socket);
}

std::unique_ptr<setup::ServiceManager> Units() {
  if (setup::Systemd::Runs()) return std::make_unique<setup::Systemd>();
  return std::make_unique<setup::NoServiceManager>("");
}

// FillPlugins says where the plugins are, or will be once they are installed.
void FillPlugins(const Arguments& arguments, const Io& io, setup::Wishes& wishes) {
  Plugins plugins = InstalledPlugins();
  if (const auto found = FindPlugins(arguments.Value("drop-in")); found.ok()) {
    plugins = *found;
  } else if (wishes.application == setup::Application::kCycloneDds) {
    io.err << "Warning: " << Escape(std::string(found.status().message())) << '\n';
  }
  wishes.plugin = plugins.cyclonedds;
  wishes.drop_in = plugins.drop_in;
  wishes.pkcs11_module = plugins.pkcs11;
}

void PrintStep(const setup::Step& step, const std::string& mark, const Io& io) {
  io.out << mark << Escape(step.text) << '\n';
  if (step.details.empty()) return;
  for (const absl::string_view line : absl::StrSplit(step.details, '\n')) {
    io.out << "     " << Escape({line.data(), line.size()}) << '\n';
  }
}

void PrintPlan(const setup::Plan& plan, const Io& io) {
  io.out << (plan.steps.empty() ? "Nothing is to be changed.\n" : "To do:\n");
  int number = 0;
  for (const setup::Step& step : plan.steps) PrintStep(step, absl::StrCat("  ", ++number, ". "), io);
  for (const std::string& warning : plan.warnings) io.out << "Warning: " << Escape(warning) << ".\n";
}

// MayGoOn asks, unless it was said that nobody is to be asked.
absl::Status MayGoOn(const Arguments& arguments, const Io& io) {
  if (arguments.Has("yes")) return absl::OkStatus();
  io.out.flush();
  io.err << "Go on? [Y/n] " << std::flush;
  std::string answer;
  const bool answered = static_cast<bool>(std::getline(io.in, answer));
  if (answered && (answer.empty() || answer == "y" || answer == "Y" || answer == "yes")) return absl::OkStatus();
  return absl::CancelledError("nothing was changed");
}

void PrintFastDds(const setup::WantedIdentity& identity, const std::string& folder, const Io& io) {
  io.out << "  in its properties (docs/clients.md has the rest):\n"
         << "    dds.sec.auth.builtin.PKI-DH.private_key = pkcs11:object=" << identity.name << '\n'
         << "    dds.sec.auth.builtin.PKI-DH.identity_certificate = file://" << folder << "/certificate.pem\n";
}

void PrintApplication(const setup::Wishes& wishes, const setup::WantedIdentity& identity, const std::string& settings,
                      const Io& io) {
  const std::string folder = absl::StrCat(settings, "/applications/", identity.name);
  const std::string user =
      identity.account.name.empty() ? absl::StrCat(identity.account.uid) : Escape(identity.account.name);
  io.out << "\nThe identity " << identity.name << ", for processes of the user " << user << ":\n";
  if (wishes.application == setup::Application::kFastDds) {
    PrintFastDds(identity, folder, io);
  } else {
    io.out << "  ddskeyctl run --identity " << identity.name
           << (settings == kSettings ? "" : " --etc " + ShellWord(settings)) << " -- COMMAND\n";
  }
  io.out << "  or in a systemd unit (systemctl edit UNIT):\n    [Unit]\n    Wants=ddskeyd.socket\n    "
            "After=ddskeyd.socket\n    [Service]\n    User="
         << user << "\n    EnvironmentFile=" << folder << "/environment\n";
}

void PrintWaits(const setup::Plan& plan, const Io& io) {
  io.out << "\nBefore it goes on, have signed:\n";
  for (const std::string& wait : plan.waits) io.out << "  " << Escape(wait) << '\n';
  io.out
      << "With CAs of ddskeyctl: ddskeyctl ca sign FOLDER --request FILE.csr --out FILE.pem, and --document FILE.xml\n"
         "--out FILE.p7s. Put them beside the files that they are of, as root, and repeat this command.\n";
}

absl::Status Finish(const setup::Wishes& wishes, const setup::Plan& plan, const std::string& settings,
                    AdminClient& admin, const Io& io) {
  if (!plan.waits.empty()) {
    PrintWaits(plan, io);
    return absl::OkStatus();
  }
  for (const setup::WantedIdentity& identity : wishes.identities) PrintApplication(wishes, identity, settings, io);
  io.out << '\n';
  DoctorOptions options;
  options.config = settings + "/ddskeyd.textproto";
  // It may find what is not of our making, or not to be mended by us.
  if (const absl::Status status = Diagnose(admin, options, io); !status.ok()) {
    io.err << "Setup is done; ddskeyctl doctor " << Escape(std::string(status.message())) << ", as said above.\n";
  }
  return absl::OkStatus();
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  if (io.json) return UsageError("setup has no answer in JSON");
  const bool dry = arguments.Has("dry-run");
  if (!dry && !arguments.Has("yes") && !io.interactive) {
    return UsageError("nobody is here to ask: give --yes, or --dry-run to see what would be done");
  }
  ASSIGN_OR_RETURN(const std::string settings, SettingsPath(arguments));
  const std::unique_ptr<setup::ServiceManager> units = Units();
  ASSIGN_OR_RETURN(setup::Wishes wishes, ReadSetupWishes(arguments, *units));
  if (geteuid() != 0) return absl::FailedPreconditionError("setup writes to " + settings + ": run it as root");
  if (wishes.identities.empty() && io.interactive && !arguments.Has("yes")) {
    RETURN_IF_ERROR(AskForIdentities(io, *units, wishes));
  }
  FillPlugins(arguments, io, wishes);
  const std::unique_ptr<setup::ServiceManager> services = ServicesFor(arguments, settings);
  const setup::Means means{.admin = admin,
                           .services = *services,
                           .surroundings = setup::Surroundings::Host(),
                           .folder = settings,
                           .now = io.now};
  ASSIGN_OR_RETURN(setup::Plan plan, setup::Prepare(wishes, means));
  PrintPlan(plan, io);
  if (dry) return absl::OkStatus();
  if (!plan.steps.empty()) {
    RETURN_IF_ERROR(MayGoOn(arguments, io));
    const auto report = [&io](const setup::Step& step) { io.out << "- " << Escape(step.text) << std::endl; };
    ASSIGN_OR_RETURN(plan, setup::CarryOut(wishes, means, report));
  }
  return Finish(wishes, plan, settings, admin, io);
}

}  // namespace

constinit const Command kSetup = {
    .name = "setup",
    .summary = "Set this host up: backend, CAs, identities, policy, and the lines for applications.",
    .details =
        "Run it as root, as often as you like: it does what is missing, and goes on where it was interrupted. Without\n"
        "--yes it says what it will do, and asks.\n"
        "It looks for a TPM (else keys are in software, with a warning) and writes ddskeyd.textproto; what it "
        "replaces\n"
        "stays as *.before-setup, and backends that are configured stay unless --replace-backends is given. It adds "
        "to\n"
        "policy.textproto what is missing, and changes no rule. It makes an identity CA and a permissions CA in "
        "ca/,\n"
        "which belong on another machine: move the folder away, or give --identity-ca and --permissions-ca. Then what "
        "they\n"
        "are to sign is in requests/, and the next run goes on when their answers are there.\n"
        "Applications find what they need in applications/NAME/: see ddskeyctl run --identity. Identities that are\n"
        "not named again stay as they are; ddskeyctl identity delete removes one, its rule of the policy and its\n"
        "folder are yours to remove.\n"
        "It ends with ddskeyctl doctor, whose findings do not change the exit status.",
    .operands = {},
    .options = kSetupOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
