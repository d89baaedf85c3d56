#include <charconv>
#include <string>

#include "client/ca/certificate_authority.h"
#include "client/cli/ca_options.h"
#include "client/cli/commands.h"
#include "client/cli/text.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr int kMostYears = 30;

constexpr Option kOptions[] = {
    {.name = "organization", .value = "NAME", .help = "O= in the subjects of the CAs"},
    {.name = "only", .value = "KIND", .help = "identity or permissions: make one CA, to keep both apart"},
    {.name = "algorithm", .value = "ALGORITHM", .help = "ec-p256 (default), ec-p384, rsa-2048 or rsa-3072"},
    {.name = "years", .value = "YEARS", .help = "how long they are valid, 1 to 30 (default 10)"},
    kPassphraseFile,
};

absl::StatusOr<ca::CertificateAuthority::Plan> PlanOf(const Arguments& arguments) {
  ca::CertificateAuthority::Plan plan;
  plan.organization = arguments.Value("organization").value_or("");
  const std::string only = arguments.Value("only").value_or("");
  if (only == "identity") plan.kinds = {ca::AuthorityKind::kIdentity};
  if (only == "permissions") plan.kinds = {ca::AuthorityKind::kPermissions};
  if (arguments.Has("only") && plan.kinds.size() != 1) return UsageError("--only is identity or permissions");
  const auto algorithm = ParseAlgorithm(arguments.Value("algorithm").value_or("ec-p256"));
  if (!algorithm.has_value()) return UsageError("--algorithm is " + std::string(kAlgorithmNames));
  plan.algorithm = *algorithm;
  const std::string years = arguments.Value("years").value_or("10");
  const auto [last, error] = std::from_chars(years.data(), years.data() + years.size(), plan.years);
  if (error != std::errc() || last != years.data() + years.size() || plan.years < 1 || plan.years > kMostYears) {
    return UsageError("--years is a number from 1 to 30");
  }
  return plan;
}

absl::Status Run(const Arguments& arguments, AdminClient&, const Io& io) {
  RETURN_IF_ERROR(RefuseJson(io));
  ASSIGN_OR_RETURN(const ca::CertificateAuthority::Plan plan, PlanOf(arguments));
  const std::string& folder = arguments.operands().front();
  ASSIGN_OR_RETURN(const SecretBytes passphrase, PassphraseOf(arguments, io, Asking::kTwice));
  RETURN_IF_ERROR(ca::CertificateAuthority::Init(folder, plan, passphrase, io.now));
  for (const ca::AuthorityKind kind : plan.kinds) {
    const std::string name = kind == ca::AuthorityKind::kIdentity ? "identity" : "permissions";
    io.out << "Made the " << name << " CA: " << Escape(folder) << "/" << name << "_ca.pem\n";
  }
  return absl::OkStatus();
}

}  // namespace

constinit const Command kCaInit = {
    .name = "ca init",
    .summary = "Make an identity CA and a permissions CA in a new folder.",
    .details =
        "Each has a key of its own, encrypted under the passphrase, and can do its own work only: the identity CA "
        "signs\n"
        "certificates and revocation lists, the permissions CA governance and permissions documents. Best on a "
        "machine\n"
        "that runs no participant, and in two folders (--only) on two machines. Needs no daemon.",
    .operands = kCaOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
