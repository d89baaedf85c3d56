#include "daemon/audit/audit_sink.h"

#include <spdlog/spdlog.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include <cctype>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace ddskey {
namespace {

class SpdlogAuditSink : public AuditSink {
 public:
  explicit SpdlogAuditSink(spdlog::logger logger) : logger_(std::move(logger)) {}

  void Write(const AuditLine& line) override {
    logger_.log(line.refused ? spdlog::level::warn : spdlog::level::info, line.Text());
  }

 private:
  spdlog::logger logger_;
};

class JournalAuditSink : public AuditSink {
 public:
  void Write(const AuditLine& line) override {
    std::vector<std::string> entries = {
        absl::StrCat("MESSAGE=", line.Text()),
        "MESSAGE_ID=6d0c7b1f3e5a4b0c9f52e8a1d4b7c360",
        // syslog(3): warning, informational.
        line.refused ? "PRIORITY=4" : "PRIORITY=6",
        "SYSLOG_IDENTIFIER=ddskeyd",
    };
    for (const auto& [name, value] : line.fields) {
      std::string entry = absl::StrCat("DDSKEY_", name, "=", value);
      for (size_t i = 0; entry[i] != '='; ++i) entry[i] = static_cast<char>(std::toupper(entry[i]));
      entries.push_back(std::move(entry));
    }
    std::vector<iovec> parts;
    parts.reserve(entries.size());
    for (std::string& entry : entries) parts.push_back({.iov_base = entry.data(), .iov_len = entry.size()});
    sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
  }
};

}  // namespace

std::unique_ptr<AuditSink> MakeSpdlogAuditSink() {
  const auto& sinks = spdlog::default_logger()->sinks();
  spdlog::logger logger("audit", sinks.begin(), sinks.end());
  logger.set_level(spdlog::level::trace);
  logger.flush_on(spdlog::level::trace);
  return std::make_unique<SpdlogAuditSink>(std::move(logger));
}

std::unique_ptr<AuditSink> MakeJournalAuditSink() { return std::make_unique<JournalAuditSink>(); }

}  // namespace ddskey
