#include "client/cli/setup_options.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/file.h"
#include "client/cli/text.h"
#include "client/setup/accounts.h"
#include "client/setup/documents.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/key_name.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr char kSettings[] = "/etc/ddskeyd";
constexpr int kMostDays = 3650;
// RTPS 9.6.1.1: the ports of higher ones do not fit.
constexpr int kLastDomain = 232;
// X.520 has 64 characters for an organisation.
constexpr size_t kLongestOrganization = 64;

std::string HostName() {
  std::array<char, 256> name = {};
  if (gethostname(name.data(), name.size() - 1) != 0) return "";
  return std::string(name.data()).substr(0, kLongestOrganization);
}

absl::Status AddIdentity(const std::string& name, const std::string& user, setup::Wishes& wishes) {
  if (!KeyName::Parse(name).has_value()) {
    return UsageError("\"" + Escape(name) +
                      "\" cannot be an identity's name: 1 to 63 letters, digits, '.', '_' and '-', the first a letter "
                      "or digit");
  }
  if (std::ranges::find(wishes.identities, name, &setup::WantedIdentity::name) != wishes.identities.end()) {
    return UsageError("the identity " + name + " is there twice");
  }
  std::optional<setup::Account> account = setup::AccountNamed(user);
  if (!account.has_value()) {
    return absl::NotFoundError("there is no user \"" + Escape(user) + "\" for the identity " + name +
                               ": make one first (useradd --system)");
  }
  wishes.identities.push_back({.name = name, .account = *std::move(account)});
  return absl::OkStatus();
}

absl::Status AddUnit(const std::string& text, setup::ServiceManager& units, setup::Wishes& wishes) {
  const size_t equals = text.find('=');
  const std::string unit = equals == std::string::npos ? text : text.substr(equals + 1);
  std::string name = text.substr(0, equals);
  constexpr std::string_view kSuffix = ".service";
  if (equals == std::string::npos && name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
  ASSIGN_OR_RETURN(const std::string user, units.UserOf(unit));
  return AddIdentity(name, user, wishes);
}

absl::StatusOr<int> Number(std::string_view text, int least, int most, const std::string& message) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    return UsageError(message);
  }
  return number;
}

absl::StatusOr<setup::DomainRange> ParseDomains(const std::string& text) {
  const std::string message = "--domains is a number from 0 to 232, or two like 0-10";
  const size_t dash = text.find('-');
  setup::DomainRange domains;
  ASSIGN_OR_RETURN(domains.first, Number(std::string_view(text).substr(0, dash), 0, kLastDomain, message));
  domains.last = domains.first;
  if (dash != std::string::npos) {
    ASSIGN_OR_RETURN(domains.last,
                     Number(std::string_view(text).substr(dash + 1), domains.first, kLastDomain, message));
  }
  return domains;
}

absl::Status ReadAuthorities(const Arguments& arguments, setup::Wishes& wishes) {
  const auto identity_ca = arguments.Value("identity-ca");
  const auto permissions_ca = arguments.Value("permissions-ca");
  wishes.passphrase_file = arguments.Value("passphrase-file").value_or("");
  if (identity_ca.has_value() != permissions_ca.has_value()) {
    return UsageError("--identity-ca and --permissions-ca go together");
  }
  if (!identity_ca.has_value()) return absl::OkStatus();
  if (!wishes.passphrase_file.empty()) return UsageError("--passphrase-file is for CAs that are made here");
  ASSIGN_OR_RETURN(wishes.identity_ca, ReadCertificates(*identity_ca));
  ASSIGN_OR_RETURN(wishes.permissions_ca, ReadCertificates(*permissions_ca));
  return absl::OkStatus();
}

absl::Status ReadTerms(const Arguments& arguments, setup::Wishes& wishes) {
  wishes.algorithm = arguments.Value("algorithm").value_or("ec-p256");
  if (!ParseAlgorithm(wishes.algorithm).has_value()) {
    return UsageError("--algorithm is " + std::string(kAlgorithmNames));
  }
  const std::string middleware = arguments.Value("for").value_or("cyclonedds");
  if (middleware != "cyclonedds" && middleware != "fastdds") return UsageError("--for is cyclonedds or fastdds");
  if (middleware == "fastdds") wishes.application = setup::Application::kFastDds;
  wishes.organization = arguments.Value("organization").value_or(HostName());
  if (wishes.organization.size() > kLongestOrganization || !IsPrintableUtf8(wishes.organization)) {
    return UsageError("--organization has at most 64 characters");
  }
  ASSIGN_OR_RETURN(const int days,
                   Number(arguments.Value("days").value_or("365"), 1, kMostDays, "--days is a number from 1 to 3650"));
  wishes.validity = absl::Hours(24) * days;
  if (const auto domains = arguments.Value("domains")) {
    ASSIGN_OR_RETURN(wishes.domains, ParseDomains(*domains));
  }
  return absl::OkStatus();
}

absl::Status AddNamed(const std::string& text, setup::Wishes& wishes) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) return UsageError("--identity is NAME=USER, not \"" + Escape(text) + "\"");
  return AddIdentity(text.substr(0, equals), text.substr(equals + 1), wishes);
}

}  // namespace

absl::StatusOr<std::string> SettingsPath(const Arguments& arguments) {
  std::string path = arguments.Value("etc").value_or(kSettings);
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  // It stands in files, between other words.
  const bool plain = std::ranges::all_of(path, [](char c) { return c > ' ' && c < 0x7f && c != ',' && c != '"'; });
  if (!path.starts_with('/') || path.size() == 1 || !plain) {
    return UsageError("--etc is an absolute path, without spaces");
  }
  return path;
}

absl::StatusOr<setup::Wishes> ReadSetupWishes(const Arguments& arguments, setup::ServiceManager& units) {
  setup::Wishes wishes;
  wishes.backend = arguments.Value("backend").value_or("");
  wishes.replace_backends = arguments.Has("replace-backends");
  if (wishes.replace_backends && wishes.backend.empty()) return UsageError("--replace-backends goes with --backend");
  RETURN_IF_ERROR(ReadTerms(arguments, wishes));
  RETURN_IF_ERROR(ReadAuthorities(arguments, wishes));
  for (const std::string& identity : arguments.Values("identity")) RETURN_IF_ERROR(AddNamed(identity, wishes));
  for (const std::string& unit : arguments.Values("unit")) RETURN_IF_ERROR(AddUnit(unit, units, wishes));
  return wishes;
}

absl::Status AskForIdentities(const Io& io, setup::ServiceManager& units, setup::Wishes& wishes) {
  io.err << "Which applications get an identity? One a line: NAME=USER for the processes of a user, or the name of a\n"
            "systemd unit. An empty line ends.\n";
  std::string line;
  while (io.err << "> " << std::flush && std::getline(io.in, line) && !line.empty()) {
    const absl::Status status =
        line.find('=') == std::string::npos ? AddUnit(line, units, wishes) : AddNamed(line, wishes);
    // Whoever has mistyped says it again.
    if (!status.ok()) io.err << Escape(std::string(status.message())) << '\n';
  }
  return absl::OkStatus();
}

}  // namespace ddskey::cli
