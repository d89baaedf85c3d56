#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "client/ros2/enclave_folder.h"
#include "client/ros2/execution.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"DIR"};
constexpr Option kOptions[] = {
    {.name = "dry-run", .value = "", .help = "say what would be done, and do nothing"},
};

absl::Status Run(const Arguments& arguments, AdminClient&, const Io& io) {
  ASSIGN_OR_RETURN(ros2::EnclaveFolder folder, ros2::EnclaveFolder::Open(arguments.operands().front(), ""));
  const bool dry_run = arguments.Has("dry-run");
  ASSIGN_OR_RETURN(const std::vector<std::string> steps, ros2::Restore(folder, dry_run));
  v1::EnclaveMigration done;
  done.set_folder(folder.path());
  done.set_state(dry_run ? "planned" : "restored");
  for (const std::string& step : steps) done.add_steps(step);
  if (io.json) return PrintJson(done, io);
  io.out << "Enclave " << Escape(done.folder()) << ": " << done.state() << ".\n";
  int number = 0;
  for (const std::string& step : done.steps()) io.out << "  " << ++number << ". " << Escape(step) << '\n';
  io.out << "The identity stays in the daemon; to be rid of it: ddskeyctl identity delete NAME\n";
  return absl::OkStatus();
}

}  // namespace

constinit const Command kRos2RestoreEnclave = {
    .name = "ros2 restore-enclave",
    .summary = "Put the old key of an enclave back that ros2 migrate-enclave has kept.",
    .details =
        "key.pem.before-ddskeyd, and cert.pem.before-ddskeyd if there is one, take their places again; key.p11 goes.\n"
        "Start the application without our plugin then. The daemon is not asked.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
