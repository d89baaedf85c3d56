#include "daemon/custodian/parse_trust.h"

#include <string>
#include <vector>

namespace ddskey {

absl::StatusOr<std::shared_ptr<const TrustStore>> ParseTrust(const IdentityTrust& trust) {
  std::vector<std::string> lists;
  lists.reserve(trust.revocation_lists.size());
  for (const StoredRevocationList& list : trust.revocation_lists) lists.push_back(list.pem);
  return TrustStore::Parse({trust.anchors}, lists, OtherIssuers::kAccept);
}

}  // namespace ddskey
