#ifndef DAEMON_TRUST_LIST_SCOPE_H_
#define DAEMON_TRUST_LIST_SCOPE_H_

#include <openssl/types.h>

#include <memory>

#include "absl/status/statusor.h"

namespace ddskey::trust {

// ListScope is which certificates of its issuer a revocation list speaks of (issuingDistributionPoint, RFC 5280,
// 5.2.5). Immutable.
class ListScope {
 public:
  // Read reads it. INVALID_ARGUMENT, as the end of a sentence about the list, for one that speaks of certificates of
  // other issuers (indirect), of some reasons or of attribute certificates only, and for a scope that cannot be read.
  static absl::StatusOr<ListScope> Read(const X509_CRL* crl);

  // Covers is whether it speaks of `certificate`, of the same issuer.
  bool Covers(X509* certificate) const;

 private:
  explicit ListScope(std::shared_ptr<const ISSUING_DIST_POINT> point) : point_(std::move(point)) {}

  // Null if it speaks of all.
  std::shared_ptr<const ISSUING_DIST_POINT> point_;
};

}  // namespace ddskey::trust

#endif  // DAEMON_TRUST_LIST_SCOPE_H_
