#include <string.h>

#include <optional>
#include <string>

#include "absl/strings/escaping.h"
#include "client/ca/openssl.h"
#include "client/ca/pcr_authority.h"
#include "client/cli/ca_options.h"
#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/output.h"
#include "proto/contract/pcr_policy.h"
#include "proto/contract/secret_bytes.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr Option kOptions[] = {
    {.name = "label",
     .value = "LABEL",
     .help = "which keys it is for: the label they were made with",
     .required = true},
    {.name = "pcr",
     .value = "REGISTERS",
     .help = "those that the keys are bound to, like sha256:0,2,7",
     .required = true},
    {.name = "pcr-values",
     .value = "FILE",
     .help = "their values, as tpm2_pcrread prints them; other registers in it do no harm",
     .required = true},
    {.name = "authority-key", .value = "FILE", .help = "PEM private key of the authority", .required = true},
    kOut,
    kPassphraseFile,
};

absl::StatusOr<ca::SignedApproval> Sign(const Arguments& arguments, const PcrValues& values, const std::string& label,
                                        const Io& io) {
  ASSIGN_OR_RETURN(std::string key, ReadDocument(*arguments.Value("authority-key")));
  std::optional<SecretBytes> passphrase;
  absl::Status status;
  if (ca::IsEncrypted(key)) {
    auto given = PassphraseOf(arguments, io, Asking::kOnce);
    status = given.status();
    if (given.ok()) passphrase = *std::move(given);
  }
  auto made = status.ok() ? ca::Approve(key, passphrase.has_value() ? &*passphrase : nullptr, values, label)
                          : absl::StatusOr<ca::SignedApproval>(status);
  explicit_bzero(key.data(), key.size());
  return made;
}

absl::Status Run(const Arguments& arguments, AdminClient&, const Io& io) {
  const std::string label = *arguments.Value("label");
  if (!IsPcrLabel(label)) return UsageError("--label is written as a key's name");
  const auto selection = ParsePcrSelection(*arguments.Value("pcr"));
  if (!selection.ok()) return UsageError("--pcr: " + std::string(selection.status().message()));
  ASSIGN_OR_RETURN(const std::string text, ReadDocument(*arguments.Value("pcr-values")));
  ASSIGN_OR_RETURN(const PcrValues values, ParsePcrValues(text, *selection));
  ASSIGN_OR_RETURN(const ca::SignedApproval made, Sign(arguments, values, label, io));
  v1::PcrApproval approval;
  approval.set_label(label);
  approval.set_signature(made.approval.signature);
  approval.set_authority_sha256(ca::Sha256Text(made.authority));
  for (const auto& [pcr, value] : values) {
    v1::ApprovedPcr& one = *approval.add_value();
    one.set_bank(std::string(BankName(pcr.bank)));
    one.set_index(pcr.index);
    one.set_value(absl::BytesToHexString(value));
  }
  ASSIGN_OR_RETURN(const std::string json, ToJson(approval));
  return Deliver(arguments, io, json);
}

}  // namespace

constinit const Command kPcrApprove = {
    .name = "pcr approve",
    .summary = "Approve values of TPM registers for keys that are bound to them, as their authority.",
    .details =
        "Needs neither the daemon nor a TPM. The values are those of a machine with the new firmware, or what is "
        "predicted\n"
        "for it. An approval does not end: who has it and the firmware can use the keys with it.",
    .operands = {},
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
