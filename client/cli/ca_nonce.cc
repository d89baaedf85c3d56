#include <string>

#include "absl/strings/escaping.h"
#include "client/ca/certificate_authority.h"
#include "client/cli/ca_options.h"
#include "client/cli/commands.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

absl::Status Run(const Arguments& arguments, AdminClient&, const Io& io) {
  RETURN_IF_ERROR(RefuseJson(io));
  ASSIGN_OR_RETURN(ca::CertificateAuthority authority, ca::CertificateAuthority::Open(arguments.operands().front()));
  ASSIGN_OR_RETURN(const std::string nonce, authority.IssueNonce(io.now));
  io.out << absl::BytesToHexString(nonce) << '\n';
  return absl::OkStatus();
}

}  // namespace

constinit const Command kCaNonce = {
    .name = "ca nonce",
    .summary = "Print a new nonce for one enrolment.",
    .details = "It is remembered in FOLDER, and is good once, for an hour. Needs no daemon.",
    .operands = kCaOperands,
    .options = {},
    .run = &Run,
};

}  // namespace ddskey::cli
