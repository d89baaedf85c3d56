#ifndef DAEMON_AUDIT_AUDIT_SINK_H_
#define DAEMON_AUDIT_AUDIT_SINK_H_

#include <memory>

#include "daemon/audit/audit_line.h"

namespace ddskey {

// AuditSink is where audit lines go. Write may block; it is called by one thread at a time.
class AuditSink {
 public:
  virtual ~AuditSink() = default;

  virtual void Write(const AuditLine& line) = 0;
};

// MakeSpdlogAuditSink writes lines of text to where spdlog's default logger writes at this moment, whatever its level.
std::unique_ptr<AuditSink> MakeSpdlogAuditSink();

// MakeJournalAuditSink writes to the systemd journal, with each field as DDSKEY_NAME and a MESSAGE_ID to find them all.
std::unique_ptr<AuditSink> MakeJournalAuditSink();

}  // namespace ddskey

#endif  // DAEMON_AUDIT_AUDIT_SINK_H_
