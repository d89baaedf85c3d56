#include "daemon/backend/pkcs11/helper/arguments.h"

#include <charconv>
#include <map>

#include "absl/strings/str_cat.h"

namespace ddskey::pkcs11 {
namespace {

absl::StatusOr<size_t> ParseSessions(const std::string& text) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1 || number > kMaxSessions) {
    return absl::InvalidArgumentError(absl::StrCat("--sessions needs a number from 1 to ", kMaxSessions));
  }
  return number;
}

}  // namespace

absl::StatusOr<Arguments> ParseArguments(const std::vector<std::string>& words) {
  Arguments arguments;
  std::string sessions = absl::StrCat(kMaxSessions);
  const std::map<std::string, std::string*> texts = {
      {"--module", &arguments.module}, {"--label", &arguments.label},         {"--serial", &arguments.serial},
      {"--user", &arguments.user},     {"--peer-user", &arguments.peer_user}, {"--sessions", &sessions}};
  const std::map<std::string, bool*> switches = {
      {"--network", &arguments.network}, {"--help", &arguments.help}, {"--version", &arguments.version}};
  for (size_t i = 0; i < words.size(); ++i) {
    if (const auto found = switches.find(words[i]); found != switches.end()) {
      *found->second = true;
    } else if (const auto text = texts.find(words[i]); text == texts.end()) {
      return absl::InvalidArgumentError(absl::StrCat("unknown argument \"", words[i], "\""));
    } else if (++i == words.size()) {
      return absl::InvalidArgumentError(absl::StrCat(text->first, " needs a value"));
    } else {
      *text->second = words[i];
    }
  }
  const auto number = ParseSessions(sessions);
  if (!number.ok()) return number.status();
  arguments.sessions = *number;
  if (arguments.module.empty() && !arguments.help && !arguments.version) {
    return absl::InvalidArgumentError("--module is needed");
  }
  return arguments;
}

std::string HelperUsage() {
  return
      R"(Usage: ddskeyd-pkcs11 --module MODULE [--label LABEL] [--serial SERIAL] [--sessions N] [--user USER]
                      [--peer-user USER] [--network]

Runs a PKCS#11 module for ddskeyd, in a process that has nothing but that module: ddskeyd starts it, or systemd behind
a socket. Nobody else has a use for it.

  --module MODULE   Path of the module, or a pkcs11: URI (RFC 7512) with module-path or module-name (of p11-kit).
  --label LABEL     The token with that label, ...
  --serial SERIAL   ... or that serial number; with neither there must be one token only.
  --sessions N      At most N signatures at a time, 1 to 8; default 8. The token or the module may allow fewer.
  --user USER       Become that user first. Only root can.
  --peer-user USER  Who may connect to the socket besides root. Anybody else is turned away.
  --network         Let the module use networks. Without it, it reaches unix sockets only.
  --version         Print the version and exit.
  --help            Print this and exit.

The module finds the environment that this process was given, without what is systemd's; descriptors for /dev/null and
stderr; no way to start processes, to trace or signal others, to mount, or to gain privileges. PINs come over the
connection.
Exit status: 0 when the connection ended, 1 failed, 2 wrong arguments, 3 the module hung, 4 the connection sent nonsense.
)";
}

}  // namespace ddskey::pkcs11
