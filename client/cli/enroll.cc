#include <string>
#include <utility>
#include <vector>

#include "client/cli/attest_options.h"
#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/subject.h"
#include "client/cli/text.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    kAttestNonce,
    {.name = "subject",
     .value = "SUBJECT",
     .help = "of a new identity, like /O=Robots/CN=talker; one with a certificate keeps its subject"},
    {.name = "ca",
     .value = "FILE",
     .help = "PEM identity CA that the identity's certificate and every peer's must chain to",
     .repeatable = true},
    {.name = "algorithm",
     .value = "ALGORITHM",
     .help = "ec-p256 (default for a new identity), ec-p384, rsa-2048 or rsa-3072"},
    {.name = "backend",
     .value = "BACKEND",
     .help = "the TPM to make the key in; the first backend configured if not given"},
    {.name = "purpose", .value = "PURPOSE", .help = "of a new identity: handshake (default) or digest"},
    kPcr,
    kEkCertificate,
    kAttestOut,
};

// Create makes the key of a new identity.
absl::Status Create(const Arguments& arguments, const std::string& name, AdminClient& admin) {
  v1::CreateKeyRequest create;
  create.set_name(name);
  create.set_algorithm(arguments.Value("algorithm").value_or("ec-p256"));
  create.set_purpose(arguments.Value("purpose").value_or("handshake"));
  create.set_backend(arguments.Value("backend").value_or(""));
  return admin.CreateKey(create).status();
}

absl::Status Renew(const Arguments& arguments, const std::string& name, AdminClient& admin) {
  for (const char* option : {"subject", "purpose"}) {
    if (arguments.Has(option)) {
      return UsageError(std::string("--") + option + " is for a new identity: " + name +
                        " has a certificate, and keeps it");
    }
  }
  v1::RenewIdentityRequest renew;
  renew.set_name(name);
  renew.set_algorithm(arguments.Value("algorithm").value_or(""));
  renew.set_backend(arguments.Value("backend").value_or(""));
  return admin.RenewIdentity(renew).status();
}

absl::Status AddAnchors(const std::string& anchors, const std::string& name, AdminClient& admin) {
  if (anchors.empty()) return absl::OkStatus();
  v1::AddTrustAnchorsRequest add;
  add.set_key_name(name);
  add.set_anchors(anchors);
  return admin.AddTrustAnchors(add).status();
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  RETURN_IF_ERROR(NoJson(io));
  ASSIGN_OR_RETURN(const std::string name, CheckedName(arguments));
  v1::AttestKeyRequest attest;
  attest.set_name(name);
  RETURN_IF_ERROR(FillAttest(arguments, attest));
  if (const auto text = arguments.Value("subject")) {
    ASSIGN_OR_RETURN(const std::vector<v1::SubjectAttribute> subject, ParseSubject(*text));
    attest.mutable_subject()->Assign(subject.begin(), subject.end());
  }
  std::string anchors;
  for (const std::string& path : arguments.Values("ca")) {
    ASSIGN_OR_RETURN(const std::string more, ReadCertificates(path));
    anchors += more + "\n";
  }
  v1::GetKeyRequest get;
  get.set_name(name);
  const auto key = admin.GetKey(get);
  if (!key.ok() && !absl::IsNotFound(key.status())) return key.status();
  const bool renewal = key.ok() && key->key().has_certificate();
  if (!renewal && !arguments.Has("subject")) return UsageError("a new identity needs --subject");
  if (renewal) {
    RETURN_IF_ERROR(Renew(arguments, name, admin));
  } else if (!key.ok()) {
    RETURN_IF_ERROR(Create(arguments, name, admin));
  }
  RETURN_IF_ERROR(AddAnchors(anchors, name, admin));
  ASSIGN_OR_RETURN(v1::AttestKeyResponse response, admin.AttestKey(attest));
  RETURN_IF_ERROR(WriteBundle(arguments, std::move(*response.mutable_bundle())));
  io.out << (renewal ? "Made the next key of " : "Made ") << Escape(name) << ". Send "
         << Escape(*arguments.Value("out")) << " to the CA, then: ddskeyctl enroll finish " << Escape(name)
         << " --certificate FILE\n";
  return absl::OkStatus();
}

}  // namespace

constinit const Command kEnroll = {
    .name = "enroll",
    .summary = "Make an identity in a TPM, or its next key, and what its CA needs to certify it.",
    .details =
        "The first of two messages: key, certification request and attestation in one file. What comes back from the "
        "CA\n"
        "(ca sign --attestation, or attest wrap) is for enroll finish. An identity that has a certificate gets its "
        "next\n"
        "key, as with identity renew. Said again, it makes no other key, but another attestation.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
