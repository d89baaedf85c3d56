#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <span>
#include <string>

#include "absl/strings/str_join.h"
#include "client/ca/passphrase.h"
#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "proto/contract/auth_kind.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/secret_bytes.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"BACKEND"};
constexpr Option kOptions[] = {
    {.name = "for",
     .value = "WHAT",
     .help = "owner, parent (the storage root key), keys or pin; what the backend waits for if not given"},
    {.name = "value-file",
     .value = "FILE",
     .help = "its first line is the value, for keys all of it; a pipe does, too. Asked for if not given"},
};

// WaitsFor is what the backend waits for, if that is one thing.
absl::StatusOr<std::string> WaitsFor(const std::string& name, AdminClient& admin) {
  ASSIGN_OR_RETURN(const v1::GetStatusResponse status, admin.GetStatus(v1::GetStatusRequest()));
  for (const v1::BackendStatus& backend : status.backends()) {
    if (backend.name() != name) continue;
    if (backend.waits_for_size() == 1) return backend.waits_for(0);
    if (backend.waits_for_size() == 0) return absl::FailedPreconditionError("this backend waits for no value");
    return UsageError("say with --for for which of these the value is: " + absl::StrJoin(backend.waits_for(), ", "));
  }
  return absl::NotFoundError("there is no backend of that name; see: ddskeyctl status");
}

absl::StatusOr<SecretBytes> Ask(const Arguments& arguments, const std::string& what, const Io& io) {
  if (const auto file = arguments.Value("value-file")) {
    return what == "keys" ? ca::ReadSecretFile(*file) : ca::ReadPassphraseFile(*file, 1);
  }
  if (!io.interactive) return UsageError("nobody is here to ask: give --value-file");
  const int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  auto value = ca::PromptPassphrase(terminal, "Value for " + what + ": ", 1);
  if (terminal >= 0) close(terminal);
  return value;
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::UnlockBackendRequest request;
  request.set_backend(arguments.operands().front());
  if (const auto what = arguments.Value("for")) {
    if (!ParseAuthKind(*what).has_value()) return UsageError("--for is owner, parent, keys or pin");
    request.set_kind(*what);
  } else {
    ASSIGN_OR_RETURN(*request.mutable_kind(), WaitsFor(request.backend(), admin));
  }
  ASSIGN_OR_RETURN(const SecretBytes value, Ask(arguments, request.kind(), io));
  const std::span<const uint8_t> octets = value.Reveal(SecretAccess());
  request.mutable_value()->assign(octets.begin(), octets.end());
  const auto response = admin.UnlockBackend(request);
  explicit_bzero(request.mutable_value()->data(), request.value().size());
  RETURN_IF_ERROR(response.status());
  if (io.json) return PrintJson(*response, io);
  io.out << "The backend " << Escape(request.backend()) << " has the value for " << Escape(request.kind())
         << " until the daemon ends.\n";
  return absl::OkStatus();
}

}  // namespace

constinit const Command kBackendUnlock = {
    .name = "backend unlock",
    .summary = "Give a TPM's authorisation value, or the PIN of a token, to a backend that waits for it.",
    .details =
        "For who has no systemd credential for it. The value is kept in the locked memory of the daemon, nowhere else, "
        "and\n"
        "so must be given again when the daemon was restarted. A wrong one is refused, and never tried a second time.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
