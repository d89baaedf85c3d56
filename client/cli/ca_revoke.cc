#include <algorithm>
#include <string>

#include "client/ca/certificate_authority.h"
#include "client/ca/index.h"
#include "client/cli/ca_options.h"
#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr Option kOptions[] = {
    {.name = "certificate", .value = "FILE", .help = "the certificate to revoke"},
    {.name = "serial", .value = "HEX", .help = "its serial number instead"},
    {.name = "reason",
     .value = "REASON",
     .help = "keyCompromise, affiliationChanged, superseded, cessationOfOperation or unspecified"},
};

absl::Status Run(const Arguments& arguments, AdminClient&, const Io& io) {
  RETURN_IF_ERROR(RefuseJson(io));
  if (arguments.Has("certificate") == arguments.Has("serial")) {
    return UsageError("give one of --certificate and --serial");
  }
  const std::string reason = arguments.Value("reason").value_or("");
  if (arguments.Has("reason") &&
      (reason.empty() || std::ranges::find(ca::kReasons, reason) == std::end(ca::kReasons))) {
    return UsageError("--reason is keyCompromise, affiliationChanged, superseded, cessationOfOperation or unspecified");
  }
  const std::string& folder = arguments.operands().front();
  ASSIGN_OR_RETURN(ca::CertificateAuthority authority, ca::CertificateAuthority::Open(folder));
  std::string serial = arguments.Value("serial").value_or("");
  if (const auto file = arguments.Value("certificate")) {
    ASSIGN_OR_RETURN(const std::string pem, ReadCertificates(*file));
    ASSIGN_OR_RETURN(serial, authority.SerialOf(pem));
  }
  RETURN_IF_ERROR(authority.Revoke(serial, reason, io.now));
  io.out << "Revoked " << Escape(serial) << ". It is in force where the next list is installed:\n"
         << "  ddskeyctl ca crl " << Escape(folder) << " --out LIST\n  ddskeyctl crl install NAME --crl LIST\n";
  return absl::OkStatus();
}

}  // namespace

constinit const Command kCaRevoke = {
    .name = "ca revoke",
    .summary = "Revoke a certificate that the identity CA has issued.",
    .details = "It is said by the next revocation list that is made with ca crl, and by all after it. Needs no daemon.",
    .operands = kCaOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
