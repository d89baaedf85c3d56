#include <string>

#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "label", .value = "LABEL", .help = "label of the key pair in the token (CKA_LABEL)", .required = true},
    {.name = "backend", .value = "BACKEND", .help = "whose token has it; the first backend configured if not given"},
    {.name = "purpose", .value = "PURPOSE", .help = "handshake (default) or digest; what it may be used for, for good"},
};

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::ImportKeyRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), CheckedName(arguments));
  request.set_token_label(*arguments.Value("label"));
  request.set_backend(arguments.Value("backend").value_or(""));
  request.set_purpose(arguments.Value("purpose").value_or("handshake"));
  if (request.purpose() != "handshake" && request.purpose() != "digest") {
    return UsageError("--purpose is handshake or digest, not \"" + Escape(request.purpose()) + "\"");
  }
  ASSIGN_OR_RETURN(const v1::ImportKeyResponse response, admin.ImportKey(request));
  if (io.json) return PrintJson(response, io);
  io.out << "Adopted the key " << Escape(response.key().name()) << " (" << Escape(response.key().algorithm()) << ", "
         << Escape(response.key().purpose()) << ") in the token of the backend " << Escape(response.key().backend())
         << ".\nWhoever else has the PIN of the token can use it for anything.\n";
  if (!response.warning().empty()) io.out << Escape(response.warning()) << '\n';
  if (request.purpose() == "handshake") {
    io.out << "If it has a certificate: ddskeyctl cert install " << Escape(request.name())
           << " --certificate FILE --ca FILE; else: ddskeyctl csr " << Escape(request.name())
           << " --subject /O=ORGANIZATION/CN=" << Escape(request.name()) << '\n';
  }
  return absl::OkStatus();
}

}  // namespace

constinit const Command kKeyAdopt = {
    .name = "key adopt",
    .summary = "Use a key that is in the PKCS#11 token of a backend already.",
    .details =
        "The key stays where it is, and proves itself with a signature. A key made in the backend is better: key "
        "create.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
