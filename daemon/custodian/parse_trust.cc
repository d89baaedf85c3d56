#include "daemon/custodian/parse_trust.h"

#include "absl/strings/str_cat.h"
#include "daemon/trust/certificate.h"
#include "proto/contract/status_macros.h"

namespace ddskey {

absl::StatusOr<std::shared_ptr<const TrustStore>> ParseTrust(const IdentityTrust& trust) {
  ASSIGN_OR_RETURN(const std::vector<RevocationList> lists, ParseLists(trust));
  return MakeTrust(trust, lists);
}

absl::StatusOr<std::vector<RevocationList>> ParseLists(const IdentityTrust& trust) {
  std::vector<RevocationList> lists;
  size_t octets = 0;
  for (const StoredRevocationList& stored : trust.revocation_lists) {
    octets += stored.pem.size();
    if (octets > RevocationList::kLargestDocument) {
      return absl::InvalidArgumentError(
          absl::StrCat("the revocation lists together exceed ", RevocationList::kLargestDocument, " octets"));
    }
    ASSIGN_OR_RETURN(const std::vector<RevocationList> parsed, RevocationList::ParsePem(stored.pem));
    lists.insert(lists.end(), parsed.begin(), parsed.end());
  }
  return lists;
}

absl::StatusOr<std::shared_ptr<const TrustStore>> MakeTrust(const IdentityTrust& trust,
                                                            const std::vector<RevocationList>& lists) {
  return TrustStore::Make({trust.anchors}, lists, OtherIssuers::kAccept, trust.options);
}

absl::StatusOr<std::shared_ptr<const TrustStore>> TrustInForce(const IdentityTrust& trust, const std::string& name,
                                                               const FileLists* files) {
  if (files == nullptr) return ParseTrust(trust);
  ASSIGN_OR_RETURN(const std::vector<RevocationList> own, ParseLists(trust));
  ASSIGN_OR_RETURN(const std::vector<Certificate> anchors, Certificate::ParsePem(trust.anchors));
  return MakeTrust(trust, files->in_force()->For(name, anchors, own));
}

}  // namespace ddskey
