#ifndef DAEMON_TRUST_REVOCATION_CHECK_H_
#define DAEMON_TRUST_REVOCATION_CHECK_H_

#include <openssl/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemon/trust/trust_store.h"

namespace ddskey::trust {

// Refusal is why a path is refused.
struct Refusal {
  // The check, in brackets.
  std::string check;
  std::string reason;
  // The certificate on the path that it is about.
  X509* at = nullptr;
};

// RevocationFindings is what CheckRevocation has to say besides a refusal.
struct RevocationFindings {
  // What was let pass with a warning.
  std::vector<std::string> warnings;
  // No list that is up to date speaks of the leaf, when one must: a refusal, unless somebody else can answer for the
  // CA.
  std::optional<Refusal> unanswered;
};

// CheckRevocation looks for each certificate of `path` (the leaf first, the anchor last) into the revocation list of
// its issuer, as strictly as the options of `trust` say:
//   "[revoked]"                  a list revokes it, or none of its issuer's can be used: they are not signed with its
//                                key, or it may sign none (cRLSign);
//   "[revocation_list_missing]"  its issuer has no list that speaks of it;
//   "[revocation_list_outdated]" the list is past its nextUpdate, or before its thisUpdate;
//   "[issuer]"                   a signature on the path of an issuer whose list was not verified before is not good:
//                                nobody's list is hashed for an impostor.
// A list belongs to an issuer if it has its name and verifies with its key, or with that of a CA of the same name
// further up: a CA with a new key signs lists for its old one. Of several the newest that has begun counts. Who the
// anchor is revoked by is in TrustStore.
std::optional<Refusal> CheckRevocation(const std::vector<X509*>& path, const TrustStore& trust, absl::Time now,
                                       RevocationFindings& findings);

}  // namespace ddskey::trust

#endif  // DAEMON_TRUST_REVOCATION_CHECK_H_
