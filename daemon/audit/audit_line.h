#ifndef DAEMON_AUDIT_AUDIT_LINE_H_
#define DAEMON_AUDIT_AUDIT_LINE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/audit/audit_log.h"

namespace ddskey {

// AuditLine is an AuditRecord as it is written: fields in a fixed order, their values safe for logs and terminals
// (S-16).
struct AuditLine {
  // Name, lower case, and value: printable ASCII, everything else escaped as \xNN.
  std::vector<std::pair<std::string, std::string>> fields;
  // False for a decision that allowed.
  bool refused = false;

  // Text is one line: `audit operation="CreateKey" outcome="allowed" ...`.
  std::string Text() const;
};

// MakeAuditLine writes `record`. `repeated` is how many more records were equal to it, which it then stands for.
AuditLine MakeAuditLine(const AuditRecord& record, uint64_t repeated);

// MakeOmittedLine stands for `count` refusals of `caller` (for example "uid 1000") that were too many and too different
// to be written.
AuditLine MakeOmittedLine(std::string_view caller, uint64_t count);

// MakeLostLine stands for `count` records that could not be written because the reader of the log is too slow.
AuditLine MakeLostLine(uint64_t count);

// EscapeForLog escapes what is not printable ASCII, backslashes and double quotes, and cuts after `limit` octets.
std::string EscapeForLog(std::string_view text, size_t limit);

}  // namespace ddskey

#endif  // DAEMON_AUDIT_AUDIT_LINE_H_
