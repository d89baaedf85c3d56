#include <string>

#include "absl/strings/escaping.h"
#include "client/attestation/wrapping.h"
#include "client/cli/attest_options.h"
#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/open_wrapped.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"KEY"};
constexpr Option kOptions[] = {
    {.name = "challenge", .value = "FILE", .help = "what attest challenge wrote", .required = true},
    kAttestOut,
};

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  RETURN_IF_ERROR(NoJson(io));
  ASSIGN_OR_RETURN(const std::string name, CheckedName(arguments));
  ASSIGN_OR_RETURN(const std::string answer,
                   OpenWrapped(name, *arguments.Value("challenge"), attestation::kChallenge, admin));
  return WriteNewFile(*arguments.Value("out"), absl::BytesToHexString(answer) + "\n");
}

}  // namespace

constinit const Command kAttestActivate = {
    .name = "attest activate",
    .summary = "Answer a challenge with the TPM of a key.",
    .details = "The answer is for attest verify.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
