#include <string>
#include <utility>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/output.h"
#include "client/cli/pcr_options.h"
#include "client/cli/subject.h"
#include "client/cli/text.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "subject", .value = "SUBJECT", .help = "/O=Robots/CN=talker or CN=talker,O=Robots", .required = true},
    {.name = "ca",
     .value = "FILE",
     .help = "PEM identity CA that the identity's certificate and every peer's must chain to",
     .repeatable = true},
    {.name = "algorithm", .value = "ALGORITHM", .help = "ec-p256 (default), ec-p384, rsa-2048 or rsa-3072"},
    {.name = "backend", .value = "BACKEND", .help = "where to make the key; the first backend configured if not given"},
    {.name = "purpose",
     .value = "PURPOSE",
     .help = "handshake (default) or digest; what the key may be used for, for good"},
    kPcr,
    kPcrAuthority,
    kPcrLabel,
    {.name = "out",
     .value = "FILE",
     .help = "write the request to FILE, which must not exist; - is the output (default)"},
};

// GoOn adds what to do where the key is made already.
absl::Status GoOn(const absl::Status& status, const std::string& name) {
  return absl::Status(status.code(), std::string(status.message()) + "; the key " + name +
                                         " was made: go on with trust add, csr and cert install, or remove it with: "
                                         "ddskeyctl identity delete " +
                                         name + " --purge");
}

absl::StatusOr<std::string> MakeRequest(AdminClient& admin, const v1::CreateKeyRequest& create,
                                        const std::vector<v1::SubjectAttribute>& subject, const std::string& anchors) {
  if (!anchors.empty()) {
    v1::AddTrustAnchorsRequest add;
    add.set_key_name(create.name());
    add.set_anchors(anchors);
    if (const auto added = admin.AddTrustAnchors(add); !added.ok()) return GoOn(added.status(), create.name());
  }
  v1::CreateCertificateSigningRequestRequest request;
  request.set_key_name(create.name());
  request.mutable_subject()->Assign(subject.begin(), subject.end());
  auto response = admin.CreateCertificateSigningRequest(request);
  if (!response.ok()) return GoOn(response.status(), create.name());
  return response->csr_pem();
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::CreateKeyRequest create;
  ASSIGN_OR_RETURN(*create.mutable_name(), CheckedName(arguments));
  create.set_algorithm(arguments.Value("algorithm").value_or("ec-p256"));
  create.set_purpose(arguments.Value("purpose").value_or("handshake"));
  create.set_backend(arguments.Value("backend").value_or(""));
  RETURN_IF_ERROR(FillPcrs(arguments, create));
  if (!ParseAlgorithm(create.algorithm()).has_value()) {
    return UsageError("--algorithm is " + std::string(kAlgorithmNames) + ", not \"" + Escape(create.algorithm()) +
                      "\"");
  }
  if (create.purpose() != "handshake" && create.purpose() != "digest") {
    return UsageError("--purpose is handshake or digest, not \"" + Escape(create.purpose()) + "\"");
  }
  ASSIGN_OR_RETURN(const std::vector<v1::SubjectAttribute> subject, ParseSubject(*arguments.Value("subject")));
  const std::string file = arguments.Value("out").value_or("-");
  if (file.empty()) return UsageError("--out names no file");
  std::string anchors;
  for (const std::string& path : arguments.Values("ca")) {
    ASSIGN_OR_RETURN(const std::string more, ReadCertificates(path));
    anchors += more;
    if (!anchors.ends_with('\n')) anchors.push_back('\n');
  }
  ASSIGN_OR_RETURN(const v1::CreateKeyResponse created, admin.CreateKey(create));
  ASSIGN_OR_RETURN(const std::string csr, MakeRequest(admin, create, subject, anchors));
  v1::RenewIdentityResponse answer;
  *answer.mutable_key() = created.key();
  answer.set_csr_pem(csr);
  return PrintRequest(answer, "Made", "cert install " + create.name(), file, io);
}

}  // namespace

constinit const Command kIdentityCreate = {
    .name = "identity create",
    .summary = "Make an identity: a key, the CAs it trusts, and the request for its certificate.",
    .details =
        "The same as key create, trust add and csr. The private key never leaves its backend. SUBJECT is written as\n"
        "for csr.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
