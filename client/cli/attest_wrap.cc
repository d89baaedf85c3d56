#include <openssl/err.h>

#include <string>

#include "client/attestation/wrapping.h"
#include "client/ca/openssl.h"
#include "client/cli/attest_options.h"
#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"BUNDLE"};
constexpr Option kOptions[] = {
    kAttestNonce,
    kEkRoots,
    kEkCrl,
    kEkList,
    kPcrValues,
    kAcceptImported,
    {.name = "certificate",
     .value = "FILE",
     .help = "PEM certificate that a CA made of the bundle's request, with the intermediates after it",
     .required = true},
    kAttestOut,
};

absl::Status Run(const Arguments& arguments, AdminClient&, const Io& io) {
  RETURN_IF_ERROR(NoJson(io));
  ASSIGN_OR_RETURN(const BundleFile file, ReadBundle(arguments.operands().front()));
  ASSIGN_OR_RETURN(const attestation::Verdict verdict, VerifyFor(arguments, file.bundle, io));
  ASSIGN_OR_RETURN(const std::string pem, ReadCertificates(*arguments.Value("certificate")));
  ASSIGN_OR_RETURN(const ca::OpensslPtr<X509> certificate, ca::ReadCertificate(pem));
  const bool same = EVP_PKEY_eq(X509_get0_pubkey(certificate.get()), verdict.request.public_key()) == 1;
  ERR_clear_error();
  if (!same) return absl::FailedPreconditionError("the certificate is not for the key of the bundle");
  ASSIGN_OR_RETURN(const v1::WrappedDocument wrapped,
                   attestation::Wrap(verdict, file.bundle.identity(), attestation::kCertificate, pem));
  RETURN_IF_ERROR(WriteNewFile(*arguments.Value("out"), wrapped.SerializeAsString()));
  io.out << "Wrote the certificate of " << Escape(verdict.request.subject_text()) << " to "
         << Escape(*arguments.Value("out")) << ", for one TPM only. On its machine: ddskeyctl enroll finish "
         << Escape(file.bundle.identity()) << '\n';
  return absl::OkStatus();
}

}  // namespace

constinit const Command kAttestWrap = {
    .name = "attest wrap",
    .summary = "Encrypt a certificate so that only the TPM of an attestation can open it.",
    .details =
        "For certificates of other CAs than ca sign. The attestation is verified first, as attest verify does it. "
        "Needs\n"
        "neither a TPM nor a daemon.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
