#ifndef DAEMON_TRUST_TRUST_STORE_H_
#define DAEMON_TRUST_TRUST_STORE_H_

#include <openssl/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/trust/certificate.h"
#include "daemon/trust/revocation_list.h"
#include "proto/contract/validation_options.h"

namespace ddskey {

// OtherIssuers is what becomes of a CRL whose issuer is none of the anchors.
enum class OtherIssuers { kRefuse, kAccept };

// TrustStore is a set of identity CAs and certificate revocation lists. Immutable and thread-safe.
class TrustStore {
 public:
  // Parse reads PEM documents: `anchors` together at most 64 KiB with at least one CERTIFICATE, `revocation_lists`
  // together at most 8 MiB with X509 CRL blocks. INVALID_ARGUMENT says which document is wrong and how. Anchors must be
  // CAs with keys of an accepted kind; an intermediate CA may be one. A CRL of an anchor whose signature does not
  // verify is refused, and what RevocationList::ParsePem refuses. A CRL of an intermediate CA is checked with the
  // certificate of that CA, when a peer brings it. `options` say how strictly certificates are validated under this
  // store.
  static absl::StatusOr<std::shared_ptr<const TrustStore>> Parse(const std::vector<std::string>& anchors,
                                                                 const std::vector<std::string>& revocation_lists,
                                                                 OtherIssuers others = OtherIssuers::kRefuse,
                                                                 const ValidationOptions& options = {});

  // Make is the same of lists that were parsed before, whose parsed form it shares.
  static absl::StatusOr<std::shared_ptr<const TrustStore>> Make(const std::vector<std::string>& anchors,
                                                                const std::vector<RevocationList>& revocation_lists,
                                                                OtherIssuers others,
                                                                const ValidationOptions& options = {});

  ~TrustStore();

  // digest is SHA-256 over all anchors, CRLs and options, independent of the order of documents: the cache key (S-8).
  const std::string& digest() const;
  const std::vector<Certificate>& anchors() const;
  const std::vector<RevocationList>& revocation_lists() const;
  const ValidationOptions& options() const;

  // What follows is for the validator.

  // moments are the dates of all anchors and CRLs, sorted: between two of them a verdict does not change by itself.
  const std::vector<absl::Time>& moments() const;
  // HasTwins is whether several anchors of different keys have the subject of `authority`.
  bool HasTwins(const X509* authority) const;
  // IsRevokedAnchor says whether `certificate` is an anchor that one of the CRLs revokes.
  bool IsRevokedAnchor(const X509* certificate) const;

 private:
  struct Parsed;
  explicit TrustStore(std::unique_ptr<const Parsed> parsed);

  std::unique_ptr<const Parsed> parsed_;
};

}  // namespace ddskey

#endif  // DAEMON_TRUST_TRUST_STORE_H_
