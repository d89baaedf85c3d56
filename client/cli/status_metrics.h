#ifndef CLIENT_CLI_STATUS_METRICS_H_
#define CLIENT_CLI_STATUS_METRICS_H_

#include <string>

#include "client/cli/metrics_text.h"
#include "ddskey/v1/admin.pb.h"

namespace ddskey::cli {

// StatusMetrics is a status as metrics; `status` is null if the daemon did not answer. What can be many is bounded: the
// certificates of the keys are the 1,000 that end first.
std::string StatusMetrics(const v1::GetStatusResponse* status, MetricsFormat format);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_STATUS_METRICS_H_
