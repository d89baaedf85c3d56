#include "client/cli/man_page.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/cli/command.h"
#include "client/cli/help.h"
#include "proto/contract/version.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kEnvironment = R"(.SH ENVIRONMENT
.TP
.B DDSKEY_ADMIN_SOCKET
The daemon's administration socket, unless
.B \-\-socket
says another.
.TP
.B DDSKEY_SOCKET
The daemon's socket for applications, for our plugins and modules.
)";

constexpr std::string_view kFiles = R"(.SH FILES
.TP
.I /run/ddskeyd/admin.sock
The administration socket, if nothing says another.
.TP
.I /etc/ddskeyd/ddskeyd.textproto
The configuration of the daemon; see
.BR ddskeyd.textproto (5).
.TP
.I /etc/ddskeyd/policy.textproto
Who may use which key; see
.BR ddskeyd\-policy (5).
.TP
.I /etc/ddskeyd/applications/NAME/
What the applications of an identity read; nothing in it is secret.
.TP
.I /var/lib/ddskeyd/
The keystore, which is the daemon's alone.
)";

constexpr std::string_view kSeeAlso = R"(.SH "SEE ALSO"
.BR ddskeyd (8),
.BR ddskeyd.textproto (5),
.BR ddskeyd\-policy (5),
.BR systemctl (1),
.BR journalctl (1)
)";

std::string Plain(std::string_view text) {
  return absl::StrReplaceAll(absl::string_view(text.data(), text.size()), {{"\\", "\\e"}, {"-", "\\-"}});
}

// ".TP" with an option and what it does.
std::string Entry(const Option& option) {
  std::string text = absl::StrCat(".TP\n.B \\-\\-", Plain(option.name), "\n");
  if (!option.value.empty()) {
    text = absl::StrCat(".TP\n.BI \\-\\-", Plain(option.name), " \" ", Plain(option.value), "\"\n");
  }
  if (option.optional_number) {
    text = absl::StrCat(".TP\n.BI \\-\\-", Plain(option.name), " \" [", Plain(option.value), "]\"\n");
  }
  std::string help(option.help);
  if (option.required) help += "; required";
  if (option.repeatable) help += "; may be repeated";
  return absl::StrCat(text, Roff(help), ".\n");
}

// "[--ca FILE]...", in one font a word, so that no line of roff is about more.
std::string SynopsisOf(const Option& option) {
  std::string text = absl::StrCat("\\fB\\-\\-", Plain(option.name), "\\fR");
  const std::string value = option.optional_number ? absl::StrCat("[", Plain(option.value), "]") : Plain(option.value);
  if (!option.value.empty()) absl::StrAppend(&text, "\\ \\fI", value, "\\fR");
  if (!option.required) text = absl::StrCat("[", text, "]");
  return absl::StrCat(text, option.repeatable ? "..." : "", "\n");
}

// Paragraphs of `--help` are parted by empty lines; single breaks are of its width.
std::string Paragraphs(std::string_view text) {
  std::string roff;
  for (const absl::string_view paragraph : absl::StrSplit(absl::string_view(text.data(), text.size()), "\n\n")) {
    std::string one;
    bool example = false;
    for (const absl::string_view line : absl::StrSplit(paragraph, '\n')) {
      const bool indented = !line.empty() && line.front() == ' ';
      if (indented != example) one += indented ? ".PP\n.nf\n" : ".fi\n.PP\n";
      example = indented;
      absl::StrAppend(&one, Roff({line.data(), line.size()}), "\n");
    }
    if (example) one += ".fi\n";
    absl::StrAppend(&roff, ".PP\n", one);
  }
  return absl::StrReplaceAll(roff, {{".PP\n.PP\n", ".PP\n"}});
}

std::string SectionOf(const Command& command) {
  std::string text = absl::StrCat(".SS \"ddskeyctl ", Plain(command.name), "\"\n", Roff(command.summary),
                                  "\n.PP\n.B ddskeyctl ", Plain(command.name), "\n");
  for (const std::string_view operand : command.operands) absl::StrAppend(&text, ".I ", Plain(operand), "\n");
  for (const Option& option : command.options) text += SynopsisOf(option);
  if (!command.more.empty()) absl::StrAppend(&text, Roff(command.more), "\n");
  if (!command.more.empty()) absl::StrAppend(&text, ".I ", Plain(command.more), "\n");
  if (!command.details.empty()) text += Paragraphs(command.details);
  for (const Option& option : command.options) text += Entry(option);
  return text;
}

}  // namespace

std::string Roff(std::string_view text) {
  std::string roff;
  bool bold = false;
  for (const char c : text) {
    if (c == '`') {
      roff += bold ? "\\fR" : "\\fB";
      bold = !bold;
    } else if (c == '\\') {
      roff += "\\e";
    } else if (c == '-') {
      roff += "\\-";
    } else {
      roff += c;
    }
  }
  // At the start of a line these are requests.
  if (!roff.empty() && (roff.front() == '.' || roff.front() == '\'')) roff.insert(0, "\\&");
  return roff;
}

std::string ManPage() {
  std::string text = absl::StrCat(
      "'\\\" Made of the table of commands of ddskeyctl.\n.TH DDSKEYCTL 1 \"\" \"ddskeyd ", std::string(kVersion),
      "\" \"User commands\"\n.SH NAME\nddskeyctl \\- administers ddskeyd, which keeps the private keys of DDS "
      "participants\n.SH SYNOPSIS\n.B ddskeyctl\n.RI [ OPTION ...]\n.I COMMAND\n.RI [ ARGUMENT ...]\n.SH DESCRIPTION\n"
      ".B ddskeyctl\nmakes, certifies, looks at and removes the identities that\n.BR ddskeyd (8)\nkeeps, says who "
      "their "
      "peers may be, and finds out what is wrong. Most commands speak with the daemon over its administration socket, "
      "which by default only root reaches; the policy says what a caller may do. What begins with\n.B ca\nor\n.B "
      "pcr\nneeds no daemon.\n.SH OPTIONS\nEvery command takes these.\n");
  for (const Option& option : GlobalOptions()) text += Entry(option);
  text += ".SH COMMANDS\n";
  for (const Command* command : Commands()) text += SectionOf(*command);
  text += ".SH \"EXIT STATUS\"\n";
  for (const ExitMeaning& meaning : ExitMeanings()) {
    absl::StrAppend(&text, ".TP\n.B ", meaning.code, "\n", Roff(meaning.text), ".\n");
  }
  return absl::StrCat(text, std::string(kEnvironment), std::string(kFiles), std::string(kSeeAlso));
}

}  // namespace ddskey::cli
