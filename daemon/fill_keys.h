#ifndef DAEMON_FILL_KEYS_H_
#define DAEMON_FILL_KEYS_H_

#include <vector>

#include "absl/time/time.h"
#include "daemon/custodian/backend_set.h"
#include "daemon/custodian/expiry_watch.h"
#include "daemon/keystore/key_store.h"
#include "ddskey/v1/admin.pb.h"
#include "policy/policy.h"
#include "policy/subject.h"

namespace ddskey {

// StatusReader is who asks for the status. Names of keys, and what else tells whose they are, are left out unless
// `policy` lets `caller` list the key.
struct StatusReader {
  const Policy& policy;
  const Subject& caller;
};

// FillEndings says what ends, from 30 days before; certificates always.
void FillEndings(const std::vector<Ending>& endings, absl::Time now, const StatusReader& reader,
                 v1::GetStatusResponse& status);

// FillKeyProblems says which keys of an identity could not be used, although their backends work.
void FillKeyProblems(const Identity& identity, const BackendSet& backends, const StatusReader& reader,
                     v1::GetStatusResponse& status);

// FillOcspResponse says whether the installed OCSP response of an identity is past its next update.
void FillOcspResponse(const Identity& identity, absl::Time now, const StatusReader& reader,
                      v1::GetStatusResponse& status);

}  // namespace ddskey

#endif  // DAEMON_FILL_KEYS_H_
