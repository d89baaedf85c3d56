#include <string>

#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "algorithm", .value = "ALGORITHM", .help = "of the next key; that of the current one if not given"},
    {.name = "backend",
     .value = "BACKEND",
     .help = "where to make the next key; where the current one is if not given"},
    {.name = "out",
     .value = "FILE",
     .help = "write the request to FILE, which must not exist; - is the output (default)"},
    {.name = "certificate",
     .value = "FILE",
     .help =
         "PEM certificate of the next key, with the intermediates after it: puts it in the place of the current one"},
    {.name = "abandon", .value = "", .help = "give the next key up"},
};

absl::Status Complete(const std::string& name, const std::string& file, AdminClient& admin, const Io& io) {
  v1::CompleteRenewalRequest request;
  request.set_name(name);
  ASSIGN_OR_RETURN(*request.mutable_certificate_chain(), ReadCertificates(file));
  ASSIGN_OR_RETURN(const v1::IdentityResponse response, admin.CompleteRenewal(request));
  if (io.json) return PrintJson(response, io);
  io.out << "Renewed " << name << ": handshakes from now on use generation " << response.key().generation()
         << ". Sessions go on. Back to the one before: ddskeyctl identity rollback " << name << "\n\n";
  PrintGenerations(response.key(), io);
  return absl::OkStatus();
}

absl::Status Abandon(const std::string& name, AdminClient& admin, const Io& io) {
  v1::AbandonRenewalRequest request;
  request.set_name(name);
  ASSIGN_OR_RETURN(const v1::IdentityResponse response, admin.AbandonRenewal(request));
  if (io.json) return PrintJson(response, io);
  io.out << "Gave up the next key of " << name << ".\n";
  return absl::OkStatus();
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  ASSIGN_OR_RETURN(const std::string name, CheckedName(arguments));
  const bool makes = arguments.Has("algorithm") || arguments.Has("backend") || arguments.Has("out");
  if (makes + arguments.Has("certificate") + arguments.Has("abandon") > 1) {
    return UsageError("make the next key, or give its --certificate, or --abandon it");
  }
  if (const auto file = arguments.Value("certificate")) return Complete(name, *file, admin, io);
  if (arguments.Has("abandon")) return Abandon(name, admin, io);
  v1::RenewIdentityRequest request;
  request.set_name(name);
  request.set_algorithm(arguments.Value("algorithm").value_or(""));
  request.set_backend(arguments.Value("backend").value_or(""));
  if (!request.algorithm().empty() && !ParseAlgorithm(request.algorithm()).has_value()) {
    return UsageError("--algorithm is " + std::string(kAlgorithmNames) + ", not \"" + Escape(request.algorithm()) +
                      "\"");
  }
  const std::string file = arguments.Value("out").value_or("-");
  if (file.empty()) return UsageError("--out names no file");
  ASSIGN_OR_RETURN(const v1::RenewIdentityResponse response, admin.RenewIdentity(request));
  return PrintRequest(response, "Made the next key of", "identity renew " + name, file, io);
}

}  // namespace

constinit const Command kIdentityRenew = {
    .name = "identity renew",
    .summary = "Make the next key of an identity, or put it in force with its certificate.",
    .details =
        "The current key stays in use until the next one has its certificate, which must have the same subject and be\n"
        "good under the identity's trust. Said again before that, it prints the request again.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
