#include "daemon/fill_decisions.h"

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "policy/action.h"

namespace ddskey {

void FillDecisions(const DecisionStatistics& statistics, const Policy& policy, const Subject& caller,
                   v1::GetStatusResponse& status) {
  for (const DecisionStatistics::Count& count : statistics.Counts()) {
    v1::OperationCount& out = *status.add_operations();
    out.set_operation(count.operation);
    out.set_code(absl::StatusCodeToString(count.code));
    out.set_count(count.count);
    out.set_seconds(absl::ToDoubleSeconds(count.took));
  }
  for (const DecisionStatistics::Refusal& refusal : statistics.Refusals()) {
    v1::Refusal& out = *status.add_refusals();
    out.set_time(absl::ToUnixSeconds(refusal.last));
    out.set_first_time(absl::ToUnixSeconds(refusal.first));
    out.set_count(refusal.count);
    out.set_operation(refusal.operation);
    out.set_code(absl::StatusCodeToString(refusal.code));
    out.set_uid(refusal.uid);
    out.set_pid(refusal.pid);
    if (!policy.Evaluate(caller, Action::kKeyList, refusal.key).allowed) {
      out.set_details_withheld(true);
      continue;
    }
    out.set_key_name(refusal.key);
    out.set_peer(refusal.peer);
    out.set_reason(refusal.reason);
  }
}

}  // namespace ddskey
