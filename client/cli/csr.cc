#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/output.h"
#include "client/cli/subject.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "subject", .value = "SUBJECT", .help = "/O=Robots/CN=talker or CN=talker,O=Robots", .required = true},
    {.name = "key-usage",
     .value = "USAGE",
     .help = "digitalSignature (default), nonRepudiation, keyAgreement, keyEncipherment or dataEncipherment",
     .repeatable = true},
    {.name = "out", .value = "FILE", .help = "write to FILE, which must not exist; - is the output (default)"},
};

constexpr std::string_view kKeyUsages[] = {"digitalSignature", "nonRepudiation", "keyAgreement", "keyEncipherment",
                                           "dataEncipherment"};

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::CreateCertificateSigningRequestRequest request;
  ASSIGN_OR_RETURN(*request.mutable_key_name(), CheckedName(arguments));
  ASSIGN_OR_RETURN(const std::vector<v1::SubjectAttribute> subject, ParseSubject(*arguments.Value("subject")));
  request.mutable_subject()->Assign(subject.begin(), subject.end());
  for (const std::string& usage : arguments.Values("key-usage")) {
    if (std::ranges::find(kKeyUsages, usage) == std::end(kKeyUsages)) {
      std::string message = "--key-usage does not know \"" + Escape(usage) + "\"";
      if (const auto nearest = Nearest(usage, kKeyUsages)) message += "; did you mean " + std::string(*nearest) + "?";
      return UsageError(message);
    }
    request.add_key_usage(usage);
  }
  const std::string file = arguments.Value("out").value_or("-");
  if (file.empty()) return UsageError("--out names no file");

  ASSIGN_OR_RETURN(const v1::CreateCertificateSigningRequestResponse response,
                   admin.CreateCertificateSigningRequest(request));
  if (file != "-") {
    RETURN_IF_ERROR(WriteNewFile(file, response.csr_pem()));
    if (!io.json) io.out << "Wrote the request to " << Escape(file) << ".\n";
  }
  if (io.json) return PrintJson(response, io);
  if (file == "-") io.out << response.csr_pem();
  return absl::OkStatus();
}

}  // namespace

constinit const Command kCsr = {
    .name = "csr",
    .summary = "Make a certification request (PKCS#10) for a key.",
    .details =
        "SUBJECT has one of two forms: /O=Robots/CN=talker, in the order of the certificate (as in OpenSSL; a slash "
        "in\n"
        "a value is \\/), or CN=talker,O=Robots, the reverse order (RFC 4514, as in DDS permissions documents). The\n"
        "attributes are C, ST, L, O, OU, CN, DC, UID, serialNumber and emailAddress.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
