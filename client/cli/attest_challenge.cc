#include <openssl/rand.h>

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

constexpr size_t kAnswerSize = 32;

constexpr std::string_view kOperands[] = {"BUNDLE"};
constexpr Option kOptions[] = {
    kAttestNonce,
    kEkRoots,
    kEkCrl,
    kEkList,
    kPcrValues,
    kAcceptImported,
    kAttestOut,
    {.name = "expected",
     .value = "FILE",
     .help = "keep in FILE, which must not exist, what attest verify is to compare the answer with",
     .required = true},
};

absl::Status Run(const Arguments& arguments, AdminClient&, const Io& io) {
  RETURN_IF_ERROR(NoJson(io));
  ASSIGN_OR_RETURN(const BundleFile file, ReadBundle(arguments.operands().front()));
  ASSIGN_OR_RETURN(const attestation::Verdict verdict, VerifyFor(arguments, file.bundle, io));
  std::string answer(kAnswerSize, '\0');
  if (RAND_priv_bytes_ex(ca::Library(), reinterpret_cast<unsigned char*>(answer.data()), answer.size(), 0) != 1) {
    return ca::OpensslError("make a challenge");
  }
  ASSIGN_OR_RETURN(const v1::WrappedDocument wrapped,
                   attestation::Wrap(verdict, file.bundle.identity(), attestation::kChallenge, answer));
  RETURN_IF_ERROR(WriteNewFile(*arguments.Value("expected"), attestation::Token(answer, file.octets) + "\n"));
  RETURN_IF_ERROR(WriteNewFile(*arguments.Value("out"), wrapped.SerializeAsString()));
  io.out << "Wrote a challenge for " << Escape(file.bundle.identity()) << " to " << Escape(*arguments.Value("out"))
         << ". On its machine: ddskeyctl attest activate " << Escape(file.bundle.identity()) << '\n';
  return absl::OkStatus();
}

}  // namespace

constinit const Command kAttestChallenge = {
    .name = "attest challenge",
    .summary = "Make a challenge that only the TPM of an attestation can answer.",
    .details = "The attestation is verified first, as attest verify does it. Needs neither a TPM nor a daemon.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
