#include <string.h>

#include <string>

#include "client/cli/ca_options.h"
#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "client/cli/private_key_file.h"
#include "client/cli/text.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "key",
     .value = "FILE",
     .help = "PEM private key (PKCS#8, plain or encrypted; EC; RSA), or TSS2 PRIVATE KEY of the backend's TPM",
     .required = true},
    {.name = "passphrase-file",
     .value = "FILE",
     .help = "its first line opens FILE; asked for if needed and not given"},
    {.name = "backend", .value = "BACKEND", .help = "where to keep it; the first backend configured if not given"},
    {.name = "purpose", .value = "PURPOSE", .help = "handshake (default) or digest; what it may be used for, for good"},
};

std::string Text(const SecretBytes& secret) {
  const auto octets = secret.Reveal(SecretAccess());
  return {octets.begin(), octets.end()};
}

absl::Status FillKey(const Arguments& arguments, const Io& io, v1::ImportKeyRequest& request, bool& others_may_read) {
  ASSIGN_OR_RETURN(const SecretBytes pem, ReadOwnersFile(*arguments.Value("key"), &others_may_read));
  const auto passphrase = [&] { return PassphraseOf(arguments, io, Asking::kOfOthers); };
  ASSIGN_OR_RETURN(const PrivateKeyFile key, ParsePrivateKeyFile(pem, passphrase));
  if (key.pkcs8.has_value()) {
    request.set_private_key(Text(*key.pkcs8));
    return absl::OkStatus();
  }
  request.set_tss2_key(key.tss2);
  if (arguments.Has("passphrase-file")) {
    ASSIGN_OR_RETURN(const SecretBytes auth, passphrase());
    request.set_tss2_auth(Text(auth));
  }
  return absl::OkStatus();
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::ImportKeyRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), CheckedName(arguments));
  request.set_purpose(arguments.Value("purpose").value_or("handshake"));
  request.set_backend(arguments.Value("backend").value_or(""));
  if (request.purpose() != "handshake" && request.purpose() != "digest") {
    return UsageError("--purpose is handshake or digest, not \"" + Escape(request.purpose()) + "\"");
  }
  bool others_may_read = false;
  RETURN_IF_ERROR(FillKey(arguments, io, request, others_may_read));
  const bool is_private = !request.private_key().empty();
  const absl::StatusOr<v1::ImportKeyResponse> response = admin.ImportKey(request);
  for (std::string* secret : {request.mutable_private_key(), request.mutable_tss2_auth()}) {
    explicit_bzero(secret->data(), secret->size());
  }
  if (!response.ok()) return response.status();
  if (io.json) return PrintJson(*response, io);
  io.out << "Took the key " << Escape(response->key().name()) << " (" << Escape(response->key().algorithm()) << ", "
         << Escape(response->key().purpose()) << ") into the backend " << Escape(response->key().backend()) << ".\n"
         << (is_private ? "Whoever has a copy of " : "Whoever can use this TPM and has a copy of ")
         << Escape(*arguments.Value("key")) << " still has the key.\n";
  if (request.purpose() == "handshake") {
    io.out << "If it has a certificate: ddskeyctl cert install " << Escape(request.name())
           << " --certificate FILE --ca FILE; else: ddskeyctl csr " << Escape(request.name())
           << " --subject /O=ORGANIZATION/CN=" << Escape(request.name()) << '\n';
  }
  if (is_private && others_may_read) io.out << "Other users could read it: better make a new key.\n";
  return absl::OkStatus();
}

}  // namespace

constinit const Command kKeyImport = {
    .name = "key import",
    .summary = "Take a private key that was made elsewhere into a backend.",
    .details =
        "FILE is read as the owner of its folder. A TPM takes a private key, and never gives it out again; an\n"
        "attestation shows that it was not made there. A key made in the backend is better: key create.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
