#ifndef DAEMON_FILL_DECISIONS_H_
#define DAEMON_FILL_DECISIONS_H_

#include "daemon/audit/decision_statistics.h"
#include "ddskey/v1/admin.pb.h"
#include "policy/policy.h"
#include "policy/subject.h"

namespace ddskey {

// FillDecisions says what was decided. Key, peer and reason of a refusal are left out unless `policy` lets `caller`
// list the key (all keys, if the refusal has none).
void FillDecisions(const DecisionStatistics& statistics, const Policy& policy, const Subject& caller,
                   v1::GetStatusResponse& status);

}  // namespace ddskey

#endif  // DAEMON_FILL_DECISIONS_H_
