#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "client/attestation/wrapping.h"
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
    {.name = "csr", .value = "FILE", .help = "write the certification request (PEM) to FILE, if everything fits"},
    {.name = "answer", .value = "FILE", .help = "what attest activate wrote; with --expected, for BOUND"},
    {.name = "expected", .value = "FILE", .help = "what attest challenge kept"},
};

// IsBound is whether the TPM of the bundle has opened the challenge.
absl::StatusOr<bool> IsBound(const Arguments& arguments, const BundleFile& file) {
  if (arguments.Has("answer") != arguments.Has("expected")) return UsageError("--answer and --expected go together");
  if (!arguments.Has("answer")) return false;
  ASSIGN_OR_RETURN(const std::string answer, ReadDocument(*arguments.Value("answer")));
  ASSIGN_OR_RETURN(const std::string expected, ReadDocument(*arguments.Value("expected")));
  const std::string octets = absl::HexStringToBytes(absl::StripAsciiWhitespace(answer));
  if (attestation::Token(octets, file.octets) == absl::StripAsciiWhitespace(expected)) return true;
  return absl::FailedPreconditionError("the answer is not the one to the challenge for this bundle");
}

absl::Status Run(const Arguments& arguments, AdminClient&, const Io& io) {
  RETURN_IF_ERROR(NoJson(io));
  ASSIGN_OR_RETURN(const BundleFile file, ReadBundle(arguments.operands().front()));
  ASSIGN_OR_RETURN(const attestation::Verdict verdict, VerifyFor(arguments, file.bundle, io));
  ASSIGN_OR_RETURN(const bool bound, IsBound(arguments, file));
  if (const auto csr = arguments.Value("csr")) RETURN_IF_ERROR(WriteNewFile(*csr, verdict.request.pem()));
  io.out << (bound ? "BOUND" : "UNBOUND") << '\n';
  PrintVerdict(verdict, file.bundle, arguments.Has("ek-list"), io);
  if (bound) return absl::OkStatus();
  return Unbound(
      "UNBOUND: everything fits, but nobody has shown that the attestation key is in that TPM; give the certificate "
      "out "
      "with attest wrap only, or see attest challenge");
}

}  // namespace

constinit const Command kAttestVerify = {
    .name = "attest verify",
    .summary = "Say whether an attestation is one, on any machine.",
    .details =
        "BOUND (exit status 0): the key is in the TPM. It takes the answer to a challenge, which only that TPM opens.\n"
        "UNBOUND (exit status 4): everything fits, but whoever makes keys in software can make that up.\n"
        "Else (exit status 1) the message says which check failed. Needs neither a TPM nor a daemon.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
