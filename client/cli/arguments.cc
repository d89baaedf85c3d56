#include "client/cli/arguments.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "absl/strings/cord.h"

namespace ddskey::cli {
namespace {

// Marks an error as the user's; the daemon has errors with the same code.
constexpr absl::string_view kUsage = "ddskey.cli/usage";
constexpr absl::string_view kUnbound = "ddskey.cli/unbound";
constexpr absl::string_view kExitStatus = "ddskey.cli/exit-status";

const Option* Find(std::string_view name, std::span<const Option> options) {
  const auto found = std::ranges::find(options, name, &Option::name);
  return found == options.end() ? nullptr : &*found;
}

absl::Status Unknown(std::string_view name, std::span<const Option> options) {
  std::vector<std::string_view> names;
  for (const Option& option : options) names.push_back(option.name);
  std::string message = "unknown option --" + std::string(name);
  if (const auto nearest = Nearest(name, names)) message += "; did you mean --" + std::string(*nearest) + "?";
  return UsageError(message);
}

bool StartsWithDigit(std::string_view word) { return !word.empty() && word[0] >= '0' && word[0] <= '9'; }

// How many letters must be inserted, removed or replaced to make `b` of `a`.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({replaced, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row[b.size()];
}

}  // namespace

absl::StatusOr<Arguments> Arguments::Parse(std::span<const std::string> words, std::span<const Option> options) {
  Arguments result;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--") {
      result.operands_.insert(result.operands_.end(), words.begin() + static_cast<ptrdiff_t>(i) + 1, words.end());
      break;
    }
    if (word == "-" || !word.starts_with('-')) {
      result.operands_.push_back(word);
      continue;
    }
    if (word != "-h" && !word.starts_with("--")) return UsageError("unknown option " + word);
    const size_t equals = word.find('=');
    const std::string name = word == "-h" ? "help" : word.substr(2, equals == std::string::npos ? equals : equals - 2);
    const Option* option = Find(name, options);
    if (option == nullptr) return Unknown(name, options);
    std::vector<std::string>& values = result.options_[name];
    if (!values.empty() && !option->repeatable) return UsageError("--" + name + " was given twice");
    if (option->value.empty()) {
      if (equals != std::string::npos) return UsageError("--" + name + " takes no value");
      values.emplace_back();
    } else if (equals != std::string::npos) {
      values.push_back(word.substr(equals + 1));
    } else if (option->optional_number && !(i + 1 < words.size() && StartsWithDigit(words[i + 1]))) {
      values.emplace_back();
    } else if (i + 1 < words.size()) {
      values.push_back(words[++i]);
    } else {
      return UsageError("--" + name + " needs a value: --" + name + " " + std::string(option->value));
    }
  }
  return result;
}

std::optional<std::string> Arguments::Value(std::string_view option) const {
  const auto found = options_.find(option);
  if (found == options_.end()) return std::nullopt;
  return found->second.front();
}

std::vector<std::string> Arguments::Values(std::string_view option) const {
  const auto found = options_.find(option);
  return found == options_.end() ? std::vector<std::string>() : found->second;
}

absl::Status UsageError(std::string_view message) {
  absl::Status status = absl::InvalidArgumentError(std::string(message));
  status.SetPayload(kUsage, absl::Cord());
  return status;
}

bool IsUsageError(const absl::Status& status) { return status.GetPayload(kUsage).has_value(); }

absl::Status Unbound(std::string_view message) {
  absl::Status status = absl::FailedPreconditionError(std::string(message));
  status.SetPayload(kUnbound, absl::Cord());
  return status;
}

bool IsUnbound(const absl::Status& status) { return status.GetPayload(kUnbound).has_value(); }

absl::Status WithExitStatus(absl::Status status, int exit_status) {
  status.SetPayload(kExitStatus, absl::Cord(std::to_string(exit_status)));
  return status;
}

std::optional<int> ExitStatusOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kExitStatus);
  if (!payload.has_value()) return std::nullopt;
  return std::stoi(std::string(*payload));
}

std::optional<std::string_view> Nearest(std::string_view word, std::span<const std::string_view> candidates) {
  std::optional<std::string_view> best;
  // Past a third of the letters it is another word.
  size_t limit = std::max<size_t>(word.size() / 3, 1) + 1;
  for (const std::string_view candidate : candidates) {
    const size_t distance = candidate.starts_with(word) && word.size() >= 2 ? 1 : Distance(word, candidate);
    if (distance < limit) {
      limit = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace ddskey::cli
