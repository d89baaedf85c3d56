#include <string>

#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "purge", .value = "", .help = "erase the key for good and free its name; it cannot be undone"},
    {.name = "yes", .value = "", .help = "do not ask"},
};

absl::Status Confirm(const std::string& name, bool purge, const Io& io) {
  if (!io.interactive) return UsageError("nobody is here to ask: say --yes to delete \"" + name + "\"");
  io.err << (purge ? "Erase the key " : "Take the key ") << name << (purge ? " for good" : " out of use") << "? [y/N] "
         << std::flush;
  std::string answer;
  std::getline(io.in, answer);
  if (answer == "y" || answer == "yes") return absl::OkStatus();
  return absl::CancelledError("nothing was deleted");
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::DeleteKeyRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), CheckedName(arguments));
  request.set_purge(arguments.Has("purge"));
  if (!arguments.Has("yes")) RETURN_IF_ERROR(Confirm(request.name(), request.purge(), io));
  ASSIGN_OR_RETURN(const v1::DeleteKeyResponse response, admin.DeleteKey(request));
  if (io.json) return PrintJson(response, io);
  if (request.purge()) {
    io.out << "Erased the key " << request.name() << ".\n";
  } else {
    io.out << "Took the key " << request.name() << " out of use. Its name stays taken until: ddskeyctl key delete "
           << request.name() << " --purge\n";
  }
  return absl::OkStatus();
}

}  // namespace

constinit const Command kIdentityDelete = {
    .name = "identity delete",
    .summary = "Take an identity out of use, or erase it.",
    .details = "The same as key delete. Until it is erased, identity enable brings it back.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

constinit const Command kKeyDelete = {
    .name = "key delete",
    .summary = "Take a key out of use, or erase it.",
    .details = "Asks first, unless --yes is given.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
