#include <string.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/ca/certificate_authority.h"
#include "client/ca/request.h"
#include "client/cli/ca_options.h"
#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/output.h"
#include "client/cli/policy_advice.h"
#include "client/cli/private_key_file.h"
#include "client/cli/text.h"
#include "client/ros2/enclave.h"
#include "client/ros2/enclave_folder.h"
#include "client/ros2/execution.h"
#include "client/ros2/migration.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/key_name.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"DIR"};
constexpr Option kOptions[] = {
    {.name = "for",
     .value = "APPLICATION",
     .help = "fastdds (rmw_fastrtps) or cyclonedds (rmw_cyclonedds): what the enclave is used by",
     .repeatable = true,
     .required = true},
    {.name = "name", .value = "NAME", .help = "of the identity; made of the certificate's common name if not given"},
    {.name = "keystore",
     .value = "FOLDER",
     .help = "beneath which links to CA certificates and governance lead; the one above enclaves/ if not given"},
    {.name = "import", .value = "", .help = "take over the key of key.pem instead of making one; cert.pem stays"},
    {.name = "certificate", .value = "FILE", .help = "PEM certificate of the new key: the second run"},
    {.name = "ca-dir", .value = "FOLDER", .help = "of ddskeyctl ca: certify the new key at once"},
    {.name = "days", .value = "DAYS", .help = "with --ca-dir: how long the certificate is valid (default 365)"},
    {.name = "passphrase-file", .value = "FILE", .help = "its first line opens the CA's key, or an encrypted key.pem"},
    {.name = "algorithm", .value = "ALGORITHM", .help = "of the new key: ec-p256 (default), rsa-2048 or rsa-3072"},
    {.name = "backend", .value = "BACKEND", .help = "where to keep the key; the first backend configured if not given"},
    {.name = "user",
     .value = "USER",
     .help = "who runs the application, for the rule; the folder's owner if not given"},
    {.name = "allow-one-ca", .value = "", .help = "go on where one key is identity CA and permissions CA"},
    {.name = "any-permissions", .value = "", .help = "do not bind the identity to this permissions document"},
    {.name = "dry-run", .value = "", .help = "say what would be done, and do nothing"},
};

constexpr int kUsualDays = 365;
constexpr int kMostDays = 3650;
constexpr size_t kLargestDocument = size_t{64} * 1024;
constexpr size_t kLargestTokenFile = 1024;
constexpr char kPlanned[] = "planned";
constexpr char kWaiting[] = "waiting for a certificate";

std::string_view TextOf(const SecretBytes& secret) {
  const auto octets = secret.Reveal(SecretAccess());
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

absl::StatusOr<ros2::Wishes> ReadWishes(const Arguments& arguments) {
  ros2::Wishes wishes;
  const std::vector<std::string> applications = arguments.Values("for");
  if (applications.size() > 1) {
    return UsageError(
        "--for: an enclave is for one of fastdds and cyclonedds: a key has one purpose, and cert.pem is the "
        "certificate of one key. Make an enclave for each, with the same permissions");
  }
  if (applications.front() != "fastdds" && applications.front() != "cyclonedds") {
    return UsageError("--for is fastdds or cyclonedds, not \"" + Escape(applications.front()) + "\"");
  }
  if (applications.front() == "fastdds") wishes.application = ros2::Application::kFastDds;
  wishes.import = arguments.Has("import");
  for (const char* option : {"certificate", "ca-dir", "algorithm"}) {
    if (wishes.import && arguments.Has(option)) return UsageError(std::string("--import goes without --") + option);
  }
  if (arguments.Has("certificate") && arguments.Has("ca-dir")) {
    return UsageError("choose one of --certificate and --ca-dir");
  }
  wishes.name = arguments.Value("name").value_or("");
  wishes.named = arguments.Has("name");
  if (wishes.named && !KeyName::Parse(wishes.name).has_value()) {
    return UsageError("\"" + Escape(wishes.name) + "\" cannot be a key's name");
  }
  wishes.algorithm = arguments.Value("algorithm").value_or("ec-p256");
  if (!ParseAlgorithm(wishes.algorithm).has_value())
    return UsageError("--algorithm is " + std::string(kAlgorithmNames));
  wishes.backend = arguments.Value("backend").value_or("");
  wishes.pin_permissions = !arguments.Has("any-permissions");
  wishes.can_certify = arguments.Has("ca-dir");
  if (const auto file = arguments.Value("certificate")) {
    ASSIGN_OR_RETURN(wishes.certificate, ReadCertificates(*file));
  }
  return wishes;
}

// OrEmpty takes "there is none" for an answer.
absl::StatusOr<std::string> OrEmpty(absl::StatusOr<std::string> content) {
  if (absl::IsNotFound(content.status())) return std::string();
  return content;
}

// ReadDocuments reads what is public in the enclave.
absl::Status ReadDocuments(const ros2::EnclaveFolder& folder, ros2::Situation& situation) {
  ros2::Documents& documents = situation.documents;
  ASSIGN_OR_RETURN(ros2::OwnFile<std::string> certificate, folder.Read("cert.pem", kLargestDocument));
  if (certificate.content.find("PRIVATE KEY-----") != std::string::npos) {
    return absl::InvalidArgumentError("cert.pem holds a private key: leave the certificate alone in it");
  }
  documents.certificate = std::move(certificate.content);
  situation.certificate_file = certificate.stamp;
  ASSIGN_OR_RETURN(ros2::OwnFile<std::string> permissions, folder.Read("permissions.p7s", kLargestDocument));
  documents.permissions = std::move(permissions.content);
  ASSIGN_OR_RETURN(documents.identity_ca, folder.ReadPublic("identity_ca.cert.pem"));
  ASSIGN_OR_RETURN(documents.permissions_ca, folder.ReadPublic("permissions_ca.cert.pem"));
  ASSIGN_OR_RETURN(documents.governance, folder.ReadPublic("governance.p7s"));
  ASSIGN_OR_RETURN(documents.revocation_lists, OrEmpty(folder.ReadPublic("crl.pem")));
  const auto token = folder.Read("key.p11", kLargestTokenFile);
  if (!token.ok() && !absl::IsNotFound(token.status())) return token.status();
  if (token.ok()) situation.token_file = token->content;
  ASSIGN_OR_RETURN(const auto kept, folder.StampOf(absl::StrCat("key.pem", ros2::EnclaveFolder::kKept.data())));
  situation.kept = kept.has_value();
  return absl::OkStatus();
}

// ReadKey reads key.pem; the private key in it is needed for an import, and to see that cert.pem is its certificate
// when the CA is at hand; it is left where it is otherwise.
absl::StatusOr<std::optional<SecretBytes>> ReadKey(const ros2::EnclaveFolder& folder, const Arguments& arguments,
                                                   const Io& io, ros2::Situation& situation) {
  ASSIGN_OR_RETURN(const ros2::OwnFile<SecretBytes> file, folder.ReadSecret("key.pem"));
  situation.key_file = file.stamp;
  if (const auto reference = KeyName::ParseReference(TextOf(file.content))) {
    situation.reference = reference->text();
    return std::optional<SecretBytes>();
  }
  if (TextOf(file.content).find("PRIVATE KEY-----") == std::string_view::npos) {
    return absl::InvalidArgumentError("key.pem holds neither a PEM private key nor a key reference");
  }
  const bool import = arguments.Has("import");
  if (!import && !arguments.Has("ca-dir")) return std::optional<SecretBytes>();
  const auto passphrase = [&]() -> absl::StatusOr<SecretBytes> {
    if (import) return PassphraseOf(arguments, io, Asking::kOfOthers);
    return absl::FailedPreconditionError(
        "it is encrypted, so nobody can see that cert.pem is its certificate: leave "
        "out --ca-dir, and ask the CA");
  };
  ASSIGN_OR_RETURN(PrivateKeyFile key, ParsePrivateKeyFile(file.content, passphrase));
  if (!key.pkcs8.has_value()) {
    return absl::FailedPreconditionError("key.pem is a key file of a TPM: import it with ddskeyctl key import");
  }
  ASSIGN_OR_RETURN(situation.public_key, ros2::PublicKeyOfPrivate(TextOf(*key.pkcs8)));
  return std::move(key.pkcs8);
}

absl::Status AskDaemon(AdminClient& admin, const std::string& name, ros2::Situation& situation) {
  v1::GetKeyRequest request;
  request.set_name(name);
  const absl::StatusOr<v1::GetKeyResponse> response = admin.GetKey(request);
  if (absl::IsNotFound(response.status())) return absl::OkStatus();
  RETURN_IF_ERROR(response.status());
  situation.held = response->key();
  v1::GetTrustRequest trust;
  trust.set_key_name(name);
  ASSIGN_OR_RETURN(const v1::TrustResponse trusted, admin.GetTrust(trust));
  for (const v1::Certificate& anchor : trusted.anchors()) situation.held_anchors.insert(anchor.sha256());
  situation.held_permissions = trusted.options().permissions_sha256();
  if (!response->key().has_certificate()) return absl::OkStatus();
  v1::GetCertificateRequest certificate;
  certificate.set_key_name(name);
  ASSIGN_OR_RETURN(const v1::GetCertificateResponse installed, admin.GetCertificate(certificate));
  situation.held_certificate = installed.chain_pem();
  return absl::OkStatus();
}

absl::Status Import(AdminClient& admin, const ros2::Wishes& wishes, const SecretBytes& pkcs8) {
  v1::ImportKeyRequest request;
  request.set_name(wishes.name);
  request.set_backend(wishes.backend);
  request.set_purpose(ros2::PurposeFor(wishes.application));
  request.set_private_key(std::string(TextOf(pkcs8)));
  const absl::Status status = admin.ImportKey(request).status();
  explicit_bzero(request.mutable_private_key()->data(), request.private_key().size());
  return status;
}

// CheckSubject sees that the CA at hand means the subject of cert.pem to be certified. VerifyEnclave has that verified
// under the CAs that the folder itself names, which says nothing about this one.
absl::Status CheckSubject(const Arguments& arguments, const ros2::Situation& situation) {
  ASSIGN_OR_RETURN(const ca::CertificateAuthority authority,
                   ca::CertificateAuthority::Open(*arguments.Value("ca-dir")));
  const absl::Status status = authority.CheckIssued(situation.documents.certificate);
  if (status.ok() || !absl::IsFailedPrecondition(status)) return status;
  return absl::FailedPreconditionError(absl::StrCat(
      "cert.pem: ", status.message(), ", so --ca-dir does not certify ", situation.enclave.subject,
      " anew: leave it out, and if that is whose the enclave is, certify the request with ddskeyctl ca sign"));
}

absl::StatusOr<std::string> Certify(const Arguments& arguments, const Io& io, const std::string& subject,
                                    const std::string& pem) {
  ASSIGN_OR_RETURN(const absl::Time not_after, EndOf(arguments, io, kUsualDays, kMostDays));
  ASSIGN_OR_RETURN(const ca::Request request, ca::Request::Parse(pem));
  if (request.subject_text() != subject) return absl::InternalError("the daemon's request is for another subject");
  ASSIGN_OR_RETURN(const SecretBytes passphrase, PassphraseOf(arguments, io, Asking::kOnce));
  ASSIGN_OR_RETURN(ca::CertificateAuthority authority, ca::CertificateAuthority::Open(*arguments.Value("ca-dir")));
  return authority.Certify(request, not_after, passphrase, io.now);
}

void PrintAdvice(const v1::EnclaveMigration& done, const PolicyAdvice& advice, const Io& io) {
  if (done.policy_allows() == "yes") {
    io.out << "The policy lets the application use the key.\n";
    return;
  }
  if (done.policy_rule().empty()) {
    io.out << (done.policy_allows() == "no" ? "The policy does not let the application use the key."
                                            : "The policy could not be read here.")
           << " The folder only names it: see whose it is (ddskeyctl identity show) before you let it be used.\n";
    return;
  }
  io.out << (done.policy_allows() == "no" ? "The policy does not let the application use the key yet."
                                          : "The policy could not be read here; the application needs this.");
  io.out << " Add to " << (advice.policy_file.empty() ? "the policy" : Escape(advice.policy_file))
         << ", then systemctl reload ddskeyd:\n  " << Escape(done.policy_rule()) << '\n';
  if (done.policy_allows() == "no" && advice.policy_file.empty()) {
    io.out << "There is no policy file yet: begin it with the rule \"administration\" of the README.\n";
  }
}

// SecondRun is the command line that goes on with a certificate: the name that is known now, and what was given.
std::string SecondRun(const Arguments& arguments, const ros2::Plan& plan, const std::string& folder) {
  std::string line = absl::StrCat("ddskeyctl ros2 migrate-enclave ", ShellWord(folder), " --name ", plan.wishes.name);
  for (const Option& option : kOptions) {
    if (option.name == "name" || option.name == "dry-run" || !arguments.Has(option.name)) continue;
    absl::StrAppend(&line, " --", std::string(option.name));
    if (!option.value.empty()) absl::StrAppend(&line, " ", ShellWord(*arguments.Value(option.name)));
  }
  return line + " --certificate FILE";
}

void PrintNext(const Arguments& arguments, const v1::EnclaveMigration& done, const ros2::Plan& plan, uid_t owner,
               const Io& io) {
  const std::string folder = ShellWord(done.folder());
  const std::string& name = plan.wishes.name;
  if (done.state() == kWaiting) {
    // Not by way of the folder: what lies there is its user's to change.
    io.out << "In a folder of yours, which the enclave's user cannot write to:\n  ddskeyctl csr " << name
           << " --subject " << ShellWord(plan.situation.enclave.subject) << " --out " << name
           << ".csr\nSee that the enclave's user is whom the subject means, have the request certified by the identity "
              "CA, then:\n  "
           << SecondRun(arguments, plan, done.folder()) << '\n';
    return;
  }
  if (done.state() == kPlanned) return;
  io.out << (plan.wishes.application == ros2::Application::kFastDds
                 ? "Start the application as before; p11-kit must know the module (docs/clients.md).\n"
                 : "Start the application with the folder of our libdds_security_auth.so first on LD_LIBRARY_PATH.\n")
         << "Back to the key file: ddskeyctl ros2 restore-enclave " << folder << '\n';
  if (plan.migrated_before && !plan.situation.kept) return;
  // With the owner's rights: by then the path may lead elsewhere.
  io.out << "When it runs: " << (owner == 0 ? "" : absl::StrCat("sudo -u '#", owner, "' ")) << "shred -u "
         << ShellWord(done.folder() + "/key.pem.before-ddskeyd")
         << (plan.wishes.import ? "; whoever has a copy of it still has the key.\n"
                                : ", and have the certificate of the old key revoked.\n");
}

absl::Status Print(const Arguments& arguments, const v1::EnclaveMigration& done, const ros2::Plan& plan, uid_t owner,
                   const PolicyAdvice& advice, const Io& io) {
  if (io.json) return PrintJson(done, io);
  io.out << "Enclave " << Escape(done.folder()) << ", identity " << Escape(done.name()) << ": " << done.state()
         << ".\n";
  int number = 0;
  for (const std::string& step : done.steps()) io.out << "  " << ++number << ". " << Escape(step) << '\n';
  for (const std::string& warning : done.warnings()) io.out << "Warning: " << Escape(warning) << '\n';
  PrintAdvice(done, advice, io);
  PrintNext(arguments, done, plan, owner, io);
  return absl::OkStatus();
}

// Carry does what is planned, and says what came of it.
absl::StatusOr<v1::EnclaveMigration> Carry(const Arguments& arguments, const ros2::Plan& plan,
                                           const ros2::Means& means) {
  v1::EnclaveMigration done;
  done.set_name(plan.wishes.name);
  done.set_folder(means.folder.path());
  for (const ros2::Step& step : plan.steps) done.add_steps(step.text);
  for (const std::string& warning : plan.warnings) done.add_warnings(warning);
  done.set_state(kPlanned);
  if (arguments.Has("dry-run")) return done;
  ASSIGN_OR_RETURN(const std::string request, ros2::Execute(plan, means));
  done.set_state(plan.waits ? kWaiting : plan.migrated_before ? "migrated before" : "migrated");
  if (plan.waits) done.set_csr_pem(request);
  return done;
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  ASSIGN_OR_RETURN(ros2::Wishes wishes, ReadWishes(arguments));
  ASSIGN_OR_RETURN(ros2::EnclaveFolder folder,
                   ros2::EnclaveFolder::Open(arguments.operands().front(), arguments.Value("keystore").value_or("")));
  const std::string user_text = arguments.Value("user").value_or(std::to_string(folder.owner()));
  const std::optional<uid_t> user = UserNamed(user_text);
  if (!user.has_value()) return UsageError("--user: there is no user \"" + Escape(user_text) + "\"");
  ros2::Situation situation;
  RETURN_IF_ERROR(ReadDocuments(folder, situation));
  ASSIGN_OR_RETURN(situation.enclave, ros2::VerifyEnclave(situation.documents, arguments.Has("allow-one-ca"), io.now));
  ASSIGN_OR_RETURN(const std::optional<SecretBytes> pkcs8, ReadKey(folder, arguments, io, situation));
  if (wishes.name.empty() && situation.reference.has_value()) wishes.name = *situation.reference;
  if (wishes.name.empty()) {
    ASSIGN_OR_RETURN(wishes.name, ros2::NameFor(situation.enclave));
  }
  RETURN_IF_ERROR(AskDaemon(admin, wishes.name, situation));
  ASSIGN_OR_RETURN(const ros2::Plan plan, ros2::MakePlan(wishes, situation, io.now));
  if (plan.Has(ros2::Action::kCertify)) RETURN_IF_ERROR(CheckSubject(arguments, situation));
  const std::string& subject = situation.enclave.subject;
  const ros2::Means means{
      .admin = admin,
      .folder = folder,
      .import = [&] { return Import(admin, wishes, *pkcs8); },
      .certify = [&](const std::string& request) { return Certify(arguments, io, subject, request); },
      .now = io.now};
  ASSIGN_OR_RETURN(v1::EnclaveMigration done, Carry(arguments, plan, means));
  const bool fast = wishes.application == ros2::Application::kFastDds;
  const PolicyAdvice advice = AdviseOn(admin, *user, fast ? Action::kSignDigest : Action::kHandshake, wishes.name);
  if (plan.KnowsTheIdentity()) done.set_policy_rule(advice.rule);
  done.set_policy_allows(advice.allows);
  return Print(arguments, done, plan, folder.owner(), advice, io);
}

}  // namespace

constinit const Command kRos2MigrateEnclave = {
    .name = "ros2 migrate-enclave",
    .summary = "Take the key of an SROS2 enclave into custody.",
    .details =
        "DIR is the folder of the enclave, KEYSTORE/enclaves/NAME. The daemon gets an identity with the enclave's CA,\n"
        "certificate and permissions, and key.pem becomes a reference to it: the old key stays as\n"
        "key.pem.before-ddskeyd, for ros2 restore-enclave. Nothing in DIR is replaced before certificate, permissions\n"
        "and governance were verified and the daemon has signed a test. Interrupted, it goes on when it is repeated "
        "with --name.\n"
        "A new key needs a new certificate: at once with --ca-dir, if that CA has certified cert.pem, which is that "
        "of\n"
        "key.pem; else the first run says how the request is made (ddskeyctl csr), and the second run has\n"
        "--certificate. --import keeps key and certificate.\n"
        "An identity that the daemon has already is used only if --name says so, and if it trusts the same CAs and\n"
        "permissions as the enclave, which are never replaced.\n"
        "A key has one purpose: --for cyclonedds makes it one for handshakes, which our plugin uses; --for fastdds "
        "one\n"
        "for digests, which key.p11 names for PKCS#11. An enclave that both use must become two.\n"
        "Files are read and written with the rights of DIR's owner. key.pem, cert.pem and permissions.p7s may be no\n"
        "links; the others may lead to files of the keystore, and nowhere else.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
