#include <string>

#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "client/cli/pcr_options.h"
#include "client/cli/text.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "algorithm", .value = "ALGORITHM", .help = "ec-p256 (default), ec-p384, rsa-2048 or rsa-3072"},
    {.name = "backend", .value = "BACKEND", .help = "where to make the key; the first backend configured if not given"},
    {.name = "purpose",
     .value = "PURPOSE",
     .help = "handshake (default) or digest; what the key may be used for, for good"},
    kPcr,
    kPcrAuthority,
    kPcrLabel,
};

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::CreateKeyRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), CheckedName(arguments));
  request.set_algorithm(arguments.Value("algorithm").value_or("ec-p256"));
  request.set_purpose(arguments.Value("purpose").value_or("handshake"));
  request.set_backend(arguments.Value("backend").value_or(""));
  RETURN_IF_ERROR(FillPcrs(arguments, request));
  if (!ParseAlgorithm(request.algorithm()).has_value()) {
    return UsageError("--algorithm is " + std::string(kAlgorithmNames) + ", not \"" + Escape(request.algorithm()) +
                      "\"");
  }
  if (!ParsePurpose(request.purpose()).has_value()) {
    return UsageError("--purpose is handshake, digest or derive, not \"" + Escape(request.purpose()) + "\"");
  }
  ASSIGN_OR_RETURN(const v1::CreateKeyResponse response, admin.CreateKey(request));
  if (io.json) return PrintJson(response, io);
  const std::string name = Escape(response.key().name());
  io.out << "Made the key " << name << " (" << Escape(response.key().algorithm()) << ", "
         << Escape(response.key().purpose()) << ") in the backend " << Escape(response.key().backend()) << ".\n"
         << "Next: ddskeyctl csr " << name << " --subject /O=ORGANIZATION/CN=" << name << '\n';
  return absl::OkStatus();
}

}  // namespace

constinit const Command kKeyCreate = {
    .name = "key create",
    .summary = "Make a key inside a backend, under a new name.",
    .details = "The private key never leaves the backend.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
