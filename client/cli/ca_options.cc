#include "client/cli/ca_options.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <string>

#include "client/ca/passphrase.h"
#include "client/cli/file.h"
#include "client/cli/text.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

size_t Shortest(Asking asking) { return asking == Asking::kOfOthers ? 1 : ca::kShortestPassphrase; }

absl::StatusOr<SecretBytes> Ask(Asking asking) {
  const int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  absl::StatusOr<SecretBytes> passphrase = ca::PromptPassphrase(terminal, "Passphrase: ", Shortest(asking));
  if (passphrase.ok() && asking == Asking::kTwice) {
    const absl::StatusOr<SecretBytes> again = ca::PromptPassphrase(terminal, "The same again: ");
    if (!again.ok() || !ConstantTimeEquals(passphrase->Reveal(SecretAccess()), again->Reveal(SecretAccess()))) {
      passphrase = absl::InvalidArgumentError("the two passphrases are not the same");
    }
  }
  if (terminal >= 0) close(terminal);
  return passphrase;
}

}  // namespace

absl::StatusOr<SecretBytes> PassphraseOf(const Arguments& arguments, const Io& io, Asking asking) {
  if (const auto file = arguments.Value(kPassphraseFile.name)) return ca::ReadPassphraseFile(*file, Shortest(asking));
  if (!io.interactive) return UsageError("nobody is here to ask: give --passphrase-file");
  return Ask(asking);
}

absl::StatusOr<SecretBytes> CaPassphrase(const Arguments& arguments, const Io& io) {
  const std::string kept = arguments.operands().front() + "/passphrase";
  struct stat about = {};
  const bool is_there = lstat(kept.c_str(), &about) == 0 && S_ISREG(about.st_mode);
  if (arguments.Has(kPassphraseFile.name) || !is_there) return PassphraseOf(arguments, io, Asking::kOnce);
  absl::StatusOr<SecretBytes> passphrase = ca::ReadPassphraseFile(kept);
  if (passphrase.ok() || !io.interactive) return passphrase;
  io.err << Escape(std::string(passphrase.status().message())) << '\n';
  return PassphraseOf(arguments, io, Asking::kOnce);
}

absl::StatusOr<absl::Time> EndOf(const Arguments& arguments, const Io& io, int usual, int most) {
  const auto end = arguments.Value("not-after");
  const auto days = arguments.Value("days");
  if (end.has_value() && days.has_value()) return UsageError("choose one of --days and --not-after");
  if (end.has_value()) {
    absl::Time time;
    std::string error;
    if (absl::ParseTime(absl::RFC3339_full, *end, &time, &error) || absl::ParseTime("%Y-%m-%d", *end, &time, &error)) {
      return time;
    }
    return UsageError("--not-after is a date like 2031-12-31, or a time like 2031-12-31T12:00:00Z");
  }
  int number = usual;
  if (days.has_value()) {
    const auto [last, error] = std::from_chars(days->data(), days->data() + days->size(), number);
    if (error != std::errc() || last != days->data() + days->size() || number < 1 || number > most) {
      return UsageError("--days is a number from 1 to " + std::to_string(most));
    }
  }
  return io.now + number * absl::Hours(24);
}

absl::Status Deliver(const Arguments& arguments, const Io& io, std::string_view document) {
  const std::string file = arguments.Value(kOut.name).value_or("-");
  if (file == "-") {
    io.out << document;
    return absl::OkStatus();
  }
  return WriteNewFile(file, document);
}

absl::Status RefuseJson(const Io& io) {
  return io.json ? UsageError("the commands of the CA have no answer in JSON") : absl::OkStatus();
}

}  // namespace ddskey::cli
