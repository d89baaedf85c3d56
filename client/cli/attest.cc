#include <string>
#include <utility>
#include <vector>

#include "client/cli/attest_options.h"
#include "client/cli/commands.h"
#include "client/cli/subject.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"KEY"};
constexpr Option kOptions[] = {
    kAttestNonce,
    {.name = "subject",
     .value = "SUBJECT",
     .help = "of the request in the bundle, like /O=Robots/CN=talker; that of the key's certificate if not given"},
    kPcr,
    kEkCertificate,
    kAttestOut,
};

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  RETURN_IF_ERROR(NoJson(io));
  v1::AttestKeyRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), CheckedName(arguments));
  RETURN_IF_ERROR(FillAttest(arguments, request));
  if (const auto text = arguments.Value("subject")) {
    ASSIGN_OR_RETURN(const std::vector<v1::SubjectAttribute> subject, ParseSubject(*text));
    request.mutable_subject()->Assign(subject.begin(), subject.end());
  }
  ASSIGN_OR_RETURN(v1::AttestKeyResponse response, admin.AttestKey(request));
  RETURN_IF_ERROR(WriteBundle(arguments, std::move(*response.mutable_bundle())));
  io.out << "Wrote the attestation of " << Escape(request.name()) << " to " << Escape(*arguments.Value("out"))
         << ". Where it is to be believed: ddskeyctl attest verify\n";
  return absl::OkStatus();
}

}  // namespace

constinit const Command kAttest = {
    .name = "attest",
    .summary = "Have the TPM say that a key is in it.",
    .details =
        "The bundle has the endorsement certificate of the TPM, what it says about the key (TPM2_Certify) and about "
        "the\n"
        "machine (TPM2_Quote), and a certification request that the key signed. A key in software has no such thing.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
