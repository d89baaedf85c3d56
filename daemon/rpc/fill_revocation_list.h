#ifndef DAEMON_RPC_FILL_REVOCATION_LIST_H_
#define DAEMON_RPC_FILL_REVOCATION_LIST_H_

#include "daemon/custodian/trust_custodian.h"
#include "ddskey/v1/admin.pb.h"

namespace ddskey {

// FillRevocationList summarises `list` for administrators.
void FillRevocationList(const RevocationList& list, v1::RevocationList& out);

}  // namespace ddskey

#endif  // DAEMON_RPC_FILL_REVOCATION_LIST_H_
