#include "daemon/rpc/fill_revocation_list.h"

#include "absl/strings/escaping.h"
#include "absl/time/time.h"

namespace ddskey {

void FillRevocationList(const RevocationList& list, v1::RevocationList& out) {
  out.set_issuer(list.issuer());
  out.set_number(list.number());
  out.set_this_update(absl::ToUnixSeconds(list.this_update()));
  out.set_next_update(absl::ToUnixSeconds(list.next_update()));
  out.set_revoked(static_cast<uint32_t>(list.size()));
  out.set_sha256(absl::BytesToHexString(list.digest()));
}

}  // namespace ddskey
