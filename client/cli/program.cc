#include "client/cli/program.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "client/cli/arguments.h"
#include "client/cli/help.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"
#include "proto/contract/version.h"

namespace ddskey::cli {
namespace {

constexpr std::chrono::seconds kDefaultTimeout(60);
constexpr int kMaxTimeout = 3600;

std::vector<Option> OptionsOf(const Command* command) {
  std::vector<Option> options(GlobalOptions().begin(), GlobalOptions().end());
  if (command != nullptr) options.insert(options.end(), command->options.begin(), command->options.end());
  return options;
}

// FindCommand looks for the command at the start of what is not an option in `words`, and takes its words out.
const Command* FindCommand(std::vector<std::string>* words) {
  std::vector<size_t> plain;
  // Of one word, which may be the first of two.
  const Command* first = nullptr;
  for (size_t i = 0; i < words->size() && (*words)[i] != "--"; ++i) {
    const std::string& word = (*words)[i];
    const auto global = std::ranges::find_if(GlobalOptions(), [&](const Option& option) {
      return !option.value.empty() && word == "--" + std::string(option.name);
    });
    if (global != GlobalOptions().end()) {
      ++i;  // Its value.
    } else if (!word.starts_with('-')) {
      plain.push_back(i);
    }
    if (plain.empty()) continue;
    std::string name = (*words)[plain[0]];
    if (plain.size() > 1) name += " " + (*words)[plain[1]];
    const auto found = std::ranges::find_if(Commands(), [&](const Command* command) { return command->name == name; });
    if (found != Commands().end() && plain.size() == 1) first = *found;
    if (plain.size() < 2) continue;
    if (found == Commands().end()) break;
    for (size_t taken = plain.size(); taken-- > 0;) words->erase(words->begin() + static_cast<ptrdiff_t>(plain[taken]));
    return *found;
  }
  if (first != nullptr) words->erase(words->begin() + static_cast<ptrdiff_t>(plain.front()));
  return first;
}

absl::Status NoSuchCommand(const Arguments& arguments) {
  const std::vector<std::string>& operands = arguments.operands();
  if (operands.empty()) return UsageError("no command was given");
  std::vector<std::string_view> names, groups;
  for (const Command* command : Commands()) {
    names.push_back(command->name);
    groups.push_back(command->name.substr(0, command->name.find(' ')));
  }
  std::string given = operands[0];
  if (operands.size() > 1 && std::ranges::find(groups, given) != groups.end()) given += " " + operands[1];
  if (operands.size() == 1 && std::ranges::find(groups, given) != groups.end()) {
    return UsageError("\"" + given + "\" needs a second word");
  }
  std::string message = "unknown command \"" + Escape(given) + "\"";
  auto nearest = Nearest(given, names);
  if (!nearest.has_value() && operands.size() > 1) nearest = Nearest(given + " " + operands[1], names);
  if (nearest.has_value()) message += "; did you mean \"" + std::string(*nearest) + "\"?";
  return UsageError(message);
}

absl::Status CheckOperands(const Command& command, const Arguments& arguments) {
  const std::vector<std::string>& operands = arguments.operands();
  if (operands.size() < command.operands.size()) {
    return UsageError(std::string(command.name) + " needs " + std::string(command.operands[operands.size()]));
  }
  if (operands.size() > command.operands.size() && command.more.empty()) {
    return UsageError(std::string(command.name) + " does not expect \"" + Escape(operands[command.operands.size()]) +
                      "\"");
  }
  for (const Option& option : command.options) {
    if (option.required && !arguments.Has(option.name)) {
      return UsageError(std::string(command.name) + " needs --" + std::string(option.name) + " " +
                        std::string(option.value));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::chrono::milliseconds> Timeout(const Arguments& arguments) {
  const auto text = arguments.Value("timeout");
  if (!text.has_value()) return kDefaultTimeout;
  int seconds = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (error != std::errc() || end != text->data() + text->size() || seconds < 1 || seconds > kMaxTimeout) {
    return UsageError("--timeout is a number of seconds from 1 to 3600");
  }
  return std::chrono::seconds(seconds);
}

absl::Status Dispatch(std::vector<std::string> words, const Connect& connect, Io& io, const Command** command) {
  *command = FindCommand(&words);
  ASSIGN_OR_RETURN(const Arguments arguments, Arguments::Parse(words, OptionsOf(*command)));
  if (arguments.Has("help")) {
    io.out << (*command != nullptr ? HelpOf(**command) : Help());
    return absl::OkStatus();
  }
  if (arguments.Has("version")) {
    io.out << "ddskeyctl " << kVersion << '\n';
    return absl::OkStatus();
  }
  if (*command == nullptr) return NoSuchCommand(arguments);
  RETURN_IF_ERROR(CheckOperands(**command, arguments));
  ASSIGN_OR_RETURN(const std::chrono::milliseconds timeout, Timeout(arguments));
  if (arguments.Has("socket") && arguments.Value("socket")->empty()) return UsageError("--socket names no path");
  io.json = arguments.Has("json");
  const std::unique_ptr<AdminClient> admin = connect(arguments.Value("socket").value_or(""), timeout);
  return (*command)->run(arguments, *admin, io);
}

// What to do about an error, for those errors that do not say so themselves.
std::string_view NextStep(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return "Is the daemon running? See: systemctl status ddskeyd";
    case absl::StatusCode::kDeadlineExceeded:
      return "It may have been done all the same: look before you repeat it; --timeout gives it longer.";
    case absl::StatusCode::kPermissionDenied:
      return "The policy of the daemon says who may do this; its log says which rule was missing.";
    case absl::StatusCode::kUnauthenticated:
      return "Give the daemon's own administration socket with --socket.";
    case absl::StatusCode::kInternal:
      return "The daemon's log says more: journalctl -u ddskeyd";
    default:
      return "";
  }
}

ExitCode CodeOf(const absl::Status& status) {
  if (status.ok()) return ExitCode::kOk;
  if (IsUsageError(status)) return ExitCode::kUsage;
  if (IsUnbound(status)) return ExitCode::kUnbound;
  if (const auto own = ExitStatusOf(status)) return static_cast<ExitCode>(*own);
  const bool unreachable = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  return unreachable ? ExitCode::kUnreachable : ExitCode::kFailed;
}

}  // namespace

ExitCode RunProgram(std::span<const std::string> words, const Connect& connect, Io io) {
  const Command* command = nullptr;
  const absl::Status status = Dispatch({words.begin(), words.end()}, connect, io, &command);
  io.out.flush();
  if (status.ok() && !io.out) {
    io.err << "ddskeyctl: the answer could not be written\n";
    return ExitCode::kFailed;
  }
  if (status.ok()) return ExitCode::kOk;
  io.err << "ddskeyctl: ";
  // Some errors have several lines (one for each mistake in a policy); none can pass for a line of ours.
  for (const absl::string_view line : absl::StrSplit(status.message(), '\n')) {
    if (line.data() != status.message().data()) io.err << "  ";
    io.err << Escape({line.data(), line.size()}) << '\n';
  }
  if (IsUsageError(status)) {
    io.err << "See: ddskeyctl " << (command != nullptr ? std::string(command->name) + " " : "") << "--help\n";
  } else if (const std::string_view next = NextStep(status.code()); !next.empty()) {
    io.err << next << '\n';
  }
  return CodeOf(status);
}

}  // namespace ddskey::cli
