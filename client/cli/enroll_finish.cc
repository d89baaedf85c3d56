#include <string>

#include "client/attestation/wrapping.h"
#include "client/cli/attest_options.h"
#include "client/cli/commands.h"
#include "client/cli/open_wrapped.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "certificate",
     .value = "FILE",
     .help = "what the CA gave, encrypted to the TPM: of ca sign --attestation or attest wrap",
     .required = true},
};

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  ASSIGN_OR_RETURN(const std::string name, CheckedName(arguments));
  v1::GetKeyRequest get;
  get.set_name(name);
  ASSIGN_OR_RETURN(const v1::GetKeyResponse before, admin.GetKey(get));
  ASSIGN_OR_RETURN(const std::string chain,
                   OpenWrapped(name, *arguments.Value("certificate"), attestation::kCertificate, admin));
  v1::Key key;
  if (before.key().has_certificate()) {
    v1::CompleteRenewalRequest request;
    request.set_name(name);
    request.set_certificate_chain(chain);
    ASSIGN_OR_RETURN(const v1::IdentityResponse response, admin.CompleteRenewal(request));
    key = response.key();
  } else {
    v1::InstallCertificateRequest request;
    request.set_key_name(name);
    request.set_certificate_chain(chain);
    ASSIGN_OR_RETURN(const v1::InstallCertificateResponse response, admin.InstallCertificate(request));
    key = response.key();
  }
  if (io.json) return PrintJson(key, io);
  io.out << "BOUND: the TPM of " << Escape(name) << " opened its certificate, which is installed.\n";
  PrintCertificate(key.certificate(), io);
  return absl::OkStatus();
}

}  // namespace

constinit const Command kEnrollFinish = {
    .name = "enroll finish",
    .summary = "Open the certificate that a CA gave for an enrolment, and install it.",
    .details =
        "Only the TPM whose attestation the CA verified can open it. Refused if the certificate is not the key's, or "
        "not\n"
        "good under the identity's trust.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
