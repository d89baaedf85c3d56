#ifndef CLIENT_CLI_ARGUMENTS_H_
#define CLIENT_CLI_ARGUMENTS_H_

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ddskey::cli {

// Option describes `--name`, or `--name VALUE` if `value` is not empty.
struct Option {
  std::string_view name;
  std::string_view value;
  std::string_view help;
  bool repeatable = false;
  bool required = false;
  // The value, a number, may be left out.
  bool optional_number = false;
};

// Arguments are command line words, sorted into options and the rest.
class Arguments {
 public:
  // Parse reads `words`. Options are written in full, as `--name`, `--name VALUE` or `--name=VALUE`, anywhere before a
  // word `--`; a value that may be left out is the next word only if that begins with a digit. `-h` stands for
  // `--help`. A usage error for an option that is not in `options` (naming the nearest one that is), for one that lacks
  // its value or has one too many, and for one given twice without being repeatable.
  static absl::StatusOr<Arguments> Parse(std::span<const std::string> words, std::span<const Option> options);

  bool Has(std::string_view option) const { return options_.find(option) != options_.end(); }
  // Value is what the option was given, or nothing.
  std::optional<std::string> Value(std::string_view option) const;
  // Values are all that a repeatable option was given, in order.
  std::vector<std::string> Values(std::string_view option) const;
  // Operands are the words that are no options.
  const std::vector<std::string>& operands() const { return operands_; }

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> options_;
  std::vector<std::string> operands_;
};

// UsageError is INVALID_ARGUMENT for a mistake on the command line; nothing was done.
absl::Status UsageError(std::string_view message);
bool IsUsageError(const absl::Status& status);

// Unbound is FAILED_PRECONDITION for an attestation that is UNBOUND, which has an exit status of its own.
absl::Status Unbound(std::string_view message);
bool IsUnbound(const absl::Status& status);

// WithExitStatus is `status`, an error, with which the program is to end with `exit_status`; ExitStatusOf is that of
// one that has it.
absl::Status WithExitStatus(absl::Status status, int exit_status);
std::optional<int> ExitStatusOf(const absl::Status& status);

// Nearest returns the one of `candidates` that `word` most likely means, or nothing if none is near.
std::optional<std::string_view> Nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_ARGUMENTS_H_
