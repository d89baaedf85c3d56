#include "daemon/audit/audit_line.h"

#include "absl/strings/str_cat.h"

namespace ddskey {
namespace {

// Each value as written. Subjects of certificates are the longest that make sense.
constexpr size_t kMaxValue = 512;

void Add(AuditLine& line, std::string name, std::string_view value) {
  if (!value.empty()) line.fields.emplace_back(std::move(name), EscapeForLog(value, kMaxValue));
}

template <typename Number>
void AddNumber(AuditLine& line, std::string name, Number value) {
  line.fields.emplace_back(std::move(name), absl::StrCat(value));
}

}  // namespace

std::string EscapeForLog(std::string_view text, size_t limit) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (out.size() >= limit) {
      out += "...";
      break;
    }
    if (octet < 0x20 || octet >= 0x7f || c == '\\' || c == '"') {
      out += "\\x";
      out += kDigits[octet >> 4];
      out += kDigits[octet & 0xf];
    } else {
      out += c;
    }
  }
  return out;
}

AuditLine MakeAuditLine(const AuditRecord& record, uint64_t repeated) {
  AuditLine line;
  line.refused = !record.outcome.ok();
  Add(line, "operation", record.operation);
  Add(line, "outcome", record.outcome.ok() ? "allowed" : "refused");
  if (line.refused) Add(line, "code", absl::StatusCodeToString(record.outcome.code()));
  AddNumber(line, "uid", record.uid);
  AddNumber(line, "gid", record.gid);
  AddNumber(line, "pid", record.pid);
  Add(line, "key", record.key);
  Add(line, "peer", record.peer);
  Add(line, "peer_digest", record.peer_digest);
  Add(line, "rule", record.rule);
  const absl::string_view reason = record.outcome.message();
  Add(line, "reason", {reason.data(), reason.size()});
  Add(line, "warning", record.warning);
  AddNumber(line, "took_us", absl::ToInt64Microseconds(record.took));
  if (repeated > 0) AddNumber(line, "repeated", repeated);
  return line;
}

AuditLine MakeOmittedLine(std::string_view caller, uint64_t count) {
  AuditLine line;
  line.refused = true;
  Add(line, "operation", "audit");
  Add(line, "outcome", "omitted");
  Add(line, "caller", caller);
  Add(line, "reason", "too many different refusals");
  AddNumber(line, "repeated", count);
  return line;
}

AuditLine MakeLostLine(uint64_t count) {
  AuditLine line;
  line.refused = true;
  Add(line, "operation", "audit");
  Add(line, "outcome", "lost");
  Add(line, "reason", "the log is not read fast enough");
  AddNumber(line, "repeated", count);
  return line;
}

std::string AuditLine::Text() const {
  std::string out = "audit";
  for (const auto& [name, value] : fields) absl::StrAppend(&out, " ", name, "=\"", value, "\"");
  return out;
}

}  // namespace ddskey
