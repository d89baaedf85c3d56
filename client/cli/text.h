#ifndef CLIENT_CLI_TEXT_H_
#define CLIENT_CLI_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace ddskey::cli {

// Escape makes foreign text safe to print on a terminal (S-16): control characters, invalid UTF-8 and characters that
// are invisible or turn the direction of writing become `\xHH`, octet by octet; a backslash becomes two.
std::string Escape(std::string_view text);

// ShellWord is `text` as one word of a line that people copy into a shell: quoted unless it needs no quotes, and
// escaped as by Escape if it must not be printed, so that it names something else then.
std::string ShellWord(std::string_view text);

// IsPrintableUtf8 tells whether `text` is UTF-8 (RFC 3629) without control characters.
bool IsPrintableUtf8(std::string_view text);

// FormatTime is seconds since 1970 as "2026-01-31 12:00:00 UTC".
std::string FormatTime(int64_t seconds);

// FormatEnd is FormatTime with how far away it is: "... (30 days left)", "... (expired 2 days ago)".
std::string FormatEnd(int64_t seconds, absl::Time now);

// FormatTable lines up rows in columns, two spaces apart; the first row is the heading. Cells are escaped.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_TEXT_H_
