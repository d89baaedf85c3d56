#include <string>

#include "client/ca/certificate_authority.h"
#include "client/cli/ca_options.h"
#include "client/cli/commands.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr int kUsualDays = 30;
constexpr int kMostDays = 365;

constexpr Option kOptions[] = {
    {.name = "days", .value = "DAYS", .help = "until when there will be another, 1 to 365 (default 30)"},
    kOut,
    kPassphraseFile,
};

absl::Status Run(const Arguments& arguments, AdminClient&, const Io& io) {
  RETURN_IF_ERROR(RefuseJson(io));
  ASSIGN_OR_RETURN(const absl::Time next_update, EndOf(arguments, io, kUsualDays, kMostDays));
  ASSIGN_OR_RETURN(const SecretBytes passphrase, CaPassphrase(arguments, io));
  ASSIGN_OR_RETURN(ca::CertificateAuthority authority, ca::CertificateAuthority::Open(arguments.operands().front()));
  ASSIGN_OR_RETURN(const std::string list, authority.MakeList(next_update, passphrase, io.now));
  return Deliver(arguments, io, list);
}

}  // namespace

constinit const Command kCaCrl = {
    .name = "ca crl",
    .summary = "Make the next revocation list of the identity CA.",
    .details =
        "Past the end of --days, peers that require a list that is not outdated refuse every certificate of the CA:\n"
        "install another one before.\n"
        "Without --passphrase-file, FOLDER/passphrase is taken, which setup makes, if nobody else can read it; "
        "without\n"
        "either it asks. Needs no daemon.",
    .operands = kCaOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
