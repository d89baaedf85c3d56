#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "client/attestation/verifier.h"
#include "client/attestation/wrapping.h"
#include "client/ca/certificate_authority.h"
#include "client/ca/request.h"
#include "client/cli/attest_options.h"
#include "client/cli/ca_options.h"
#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/subject.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr int kUsualDays = 365;
constexpr int kMostDays = 3650;

constexpr Option kOptions[] = {
    {.name = "request",
     .value = "FILE",
     .help = "certification request (PKCS#10, PEM) to certify with the identity CA"},
    {.name = "subject", .value = "SUBJECT", .help = "what the request must have as its subject; asks if not given"},
    {.name = "yes", .value = "", .help = "certify whatever subject the request has"},
    {.name = "days", .value = "DAYS", .help = "how long the certificate is valid, 1 to 3650 (default 365)"},
    {.name = "not-after", .value = "TIME", .help = "when it ends instead, like 2031-12-31 or 2031-12-31T12:00:00Z"},
    {.name = "document", .value = "FILE", .help = "governance or permissions XML to sign with the permissions CA"},
    {.name = "attestation",
     .value = "FILE",
     .help = "what enroll or attest wrote, in place of a request; the answer is encrypted to the TPM of it"},
    {.name = "ek-roots",
     .value = "FILE",
     .help = "with --attestation: "
             "PEM CAs of TPM manufacturers that are believed",
     .repeatable = true},
    kEkCrl,
    kEkList,
    kPcrValues,
    kAcceptImported,
    kOut,
    kPassphraseFile,
};

// Options that say what is to be certified, and those about attestations.
constexpr const char* kOfCertificates[] = {"subject", "yes", "days", "not-after"};
constexpr const char* kOfAttestations[] = {"ek-roots", "ek-crl", "ek-list", "pcr-values", "accept-imported"};

// CheckSubject sees that the subject is one that somebody meant to certify.
absl::Status CheckSubject(const Arguments& arguments, const ca::Request& request, const Io& io) {
  if (const auto wanted = arguments.Value("subject")) {
    ASSIGN_OR_RETURN(const std::vector<v1::SubjectAttribute> attributes, ParseSubject(*wanted));
    const bool same = std::ranges::equal(attributes, request.attributes(), [](const auto& a, const auto& b) {
      return a.type() == b.first && a.value() == b.second;
    });
    if (same) return absl::OkStatus();
    return absl::FailedPreconditionError("the request is for another subject: " + request.subject_text());
  }
  if (arguments.Has("yes")) return absl::OkStatus();
  if (!io.interactive) return UsageError("nobody is here to ask: say which subject with --subject, or --yes for any");
  io.err << "Certify " << Escape(request.subject_text()) << "? [y/N] " << std::flush;
  std::string answer;
  std::getline(io.in, answer);
  if (answer == "y" || answer == "yes") return absl::OkStatus();
  return absl::CancelledError("nothing was certified");
}

absl::StatusOr<std::string> Certify(const Arguments& arguments, const Io& io) {
  ASSIGN_OR_RETURN(const absl::Time not_after, EndOf(arguments, io, kUsualDays, kMostDays));
  ASSIGN_OR_RETURN(const std::string pem, ReadDocument(*arguments.Value("request")));
  ASSIGN_OR_RETURN(const ca::Request request, ca::Request::Parse(pem));
  RETURN_IF_ERROR(CheckSubject(arguments, request, io));
  ASSIGN_OR_RETURN(const SecretBytes passphrase, CaPassphrase(arguments, io));
  ASSIGN_OR_RETURN(ca::CertificateAuthority authority, ca::CertificateAuthority::Open(arguments.operands().front()));
  return authority.Certify(request, not_after, passphrase, io.now);
}

// CertifyAttested certifies the request of an attestation in which everything fits, for the TPM of it alone.
absl::StatusOr<std::string> CertifyAttested(const Arguments& arguments, const Io& io) {
  for (const char* option : {"ek-roots", "ek-list"}) {
    if (!arguments.Has(option)) return UsageError(std::string("--attestation needs --") + option);
  }
  ASSIGN_OR_RETURN(const absl::Time not_after, EndOf(arguments, io, kUsualDays, kMostDays));
  ASSIGN_OR_RETURN(const BundleFile file, ReadBundle(*arguments.Value("attestation")));
  ASSIGN_OR_RETURN(attestation::Expectations expectations, ExpectationsOf(arguments));
  ASSIGN_OR_RETURN(ca::CertificateAuthority authority, ca::CertificateAuthority::Open(arguments.operands().front()));
  expectations.nonce = file.bundle.nonce();
  RETURN_IF_ERROR(authority.CheckNonce(expectations.nonce, io.now));
  ASSIGN_OR_RETURN(const attestation::Verdict verdict, attestation::Verify(file.bundle, expectations, io.now));
  RETURN_IF_ERROR(CheckSubject(arguments, verdict.request, io));
  ASSIGN_OR_RETURN(const SecretBytes passphrase, CaPassphrase(arguments, io));
  ASSIGN_OR_RETURN(const std::string certificate, authority.Certify(verdict.request, not_after, passphrase, io.now));
  // Before anything is given out. Whoever types a wrong passphrase needs no other nonce.
  RETURN_IF_ERROR(authority.UseNonce(expectations.nonce, io.now));
  ASSIGN_OR_RETURN(const v1::WrappedDocument wrapped,
                   attestation::Wrap(verdict, file.bundle.identity(), attestation::kCertificate, certificate));
  return wrapped.SerializeAsString();
}

absl::StatusOr<std::string> SignDocument(const Arguments& arguments, const Io& io) {
  for (const char* option : kOfCertificates) {
    if (arguments.Has(option)) return UsageError(std::string("--") + option + " goes with --request or --attestation");
  }
  ASSIGN_OR_RETURN(const std::string xml, ReadDocument(*arguments.Value("document")));
  ASSIGN_OR_RETURN(const SecretBytes passphrase, CaPassphrase(arguments, io));
  ASSIGN_OR_RETURN(ca::CertificateAuthority authority, ca::CertificateAuthority::Open(arguments.operands().front()));
  return authority.SignDocument(xml, passphrase, io.now);
}

absl::Status Run(const Arguments& arguments, AdminClient&, const Io& io) {
  RETURN_IF_ERROR(RefuseJson(io));
  if (arguments.Has("request") + arguments.Has("document") + arguments.Has("attestation") != 1) {
    return UsageError("give one of --request, --attestation and --document");
  }
  for (const char* option : kOfAttestations) {
    if (arguments.Has(option) && !arguments.Has("attestation")) {
      return UsageError(std::string("--") + option + " goes with --attestation");
    }
  }
  absl::StatusOr<std::string> made = arguments.Has("request")       ? Certify(arguments, io)
                                     : arguments.Has("attestation") ? CertifyAttested(arguments, io)
                                                                    : SignDocument(arguments, io);
  if (!made.ok()) return made.status();
  return Deliver(arguments, io, *made);
}

}  // namespace

constinit const Command kCaSign = {
    .name = "ca sign",
    .summary = "Certify a request, or sign a governance or permissions document.",
    .details =
        "Nothing but subject and key is taken from a request, and its signature and the strength of its key are "
        "checked.\n"
        "With --attestation the key must be in a TPM that --ek-list has for the subject, and only that TPM can open "
        "the\n"
        "certificate: for enroll finish. The nonce must be one of ca nonce.\n"
        "The certificate is recorded in FOLDER before it is given out, and kept in FOLDER/issued.\n"
        "Without --passphrase-file, FOLDER/passphrase is taken, which setup makes, if nobody else can read it; "
        "without\n"
        "either it asks. Needs no daemon.",
    .operands = kCaOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
