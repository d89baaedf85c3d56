#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/file.h"
#include "client/cli/output.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kOperands[] = {"NAME"};
constexpr Option kOptions[] = {
    {.name = "key-usage",
     .value = "ignore|warn|require",
     .help = "certificates whose keyUsage or extendedKeyUsage does not allow a handshake"},
    {.name = "missing-crl", .value = "ignore|warn|require", .help = "CAs without a revocation list"},
    {.name = "outdated-crl", .value = "ignore|warn|require", .help = "revocation lists past their next update"},
    {.name = "permissions",
     .value = "FILE|any",
     .help = "the only signed permissions document (S/MIME) that participants with this key may show"},
    {.name = "pem-text", .value = "keep|strip", .help = "text around the key's own certificates, towards peers"},
};

absl::StatusOr<v1::Strictness> ReadStrictness(const Arguments& arguments, std::string_view option) {
  const std::optional<std::string> word = arguments.Value(option);
  if (!word.has_value()) return v1::STRICTNESS_UNSPECIFIED;
  if (*word == "ignore") return v1::STRICTNESS_IGNORE;
  if (*word == "warn") return v1::STRICTNESS_WARN;
  if (*word == "require") return v1::STRICTNESS_REQUIRE;
  return UsageError(absl::StrCat("--", std::string(option), " is ignore, warn or require"));
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::SetTrustOptionsRequest request;
  ASSIGN_OR_RETURN(*request.mutable_key_name(), CheckedName(arguments));
  ASSIGN_OR_RETURN(const v1::Strictness key_usage, ReadStrictness(arguments, "key-usage"));
  ASSIGN_OR_RETURN(const v1::Strictness missing, ReadStrictness(arguments, "missing-crl"));
  ASSIGN_OR_RETURN(const v1::Strictness outdated, ReadStrictness(arguments, "outdated-crl"));
  request.set_key_usage(key_usage);
  request.set_missing_revocation_list(missing);
  request.set_outdated_revocation_list(outdated);
  if (const auto file = arguments.Value("permissions"); file == "any") {
    request.set_permissions("");
  } else if (file.has_value()) {
    ASSIGN_OR_RETURN(*request.mutable_permissions(), ReadPermissions(*file));
  }
  if (const auto text = arguments.Value("pem-text"); text.has_value()) {
    if (*text != "keep" && *text != "strip") return UsageError("--pem-text is keep or strip");
    request.set_keep_pem_text(*text == "keep");
  }
  return ShowTrust(admin.SetTrustOptions(request), io);
}

}  // namespace

constinit const Command kTrustSet = {
    .name = "trust set",
    .summary = "Change how strictly the certificates of a key's peers, and its own, are validated.",
    .details =
        "What is not named stays. Refused if the key's own certificate would not be good any more. A warning is in "
        "the\n"
        "daemon's log.",
    .operands = kOperands,
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
