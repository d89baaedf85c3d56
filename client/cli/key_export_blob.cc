#include <string.h>

#include <string>

#include "client/cli/ca_options.h"
#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "passphrase-file",
     .value = "FILE",
     .help = "its first line, 8 to 32 characters, becomes the passphrase of the key file; asked for if not given"},
    kOut,
    {.name = "yes", .value = "", .help = "do not ask"},
};

absl::Status Confirm(const std::string& name, const Io& io) {
  if (!io.interactive) return UsageError("nobody is here to ask: say --yes to let \"" + name + "\" leave custody");
  io.err << "Other programs will sign with " << name
         << ", and no policy or record will know; it is marked so for good. Give it out? [y/N] " << std::flush;
  std::string answer;
  std::getline(io.in, answer);
  if (answer == "y" || answer == "yes") return absl::OkStatus();
  return absl::CancelledError("nothing was given out");
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::ExportKeyRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), CheckedName(arguments));
  if (!arguments.Has("yes")) RETURN_IF_ERROR(Confirm(request.name(), io));
  ASSIGN_OR_RETURN(const SecretBytes passphrase, PassphraseOf(arguments, io, Asking::kTwice));
  const auto octets = passphrase.Reveal(SecretAccess());
  request.set_auth(std::string(octets.begin(), octets.end()));
  const absl::StatusOr<v1::ExportKeyResponse> response = admin.ExportKey(request);
  explicit_bzero(request.mutable_auth()->data(), request.auth().size());
  if (!response.ok()) return response.status();
  if (io.json) return PrintJson(*response, io);
  const std::string file = arguments.Value(kOut.name).value_or("-");
  if (file != "-") return WriteNewFile(file, response->tss2_pem(), 0600);
  io.out << response->tss2_pem();
  return absl::OkStatus();
}

}  // namespace

constinit const Command kKeyExportBlob = {
    .name = "key export-blob",
    .summary = "Give out a key file with which other programs use a key of the same TPM.",
    .details =
        "A TSS2 PRIVATE KEY for tpm2-openssl and tpm2-tss, useless without that TPM. The key has then left custody:\n"
        "what those programs sign with it, no policy and no record knows. It is marked so for good.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
