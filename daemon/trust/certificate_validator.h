#ifndef DAEMON_TRUST_CERTIFICATE_VALIDATOR_H_
#define DAEMON_TRUST_CERTIFICATE_VALIDATOR_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/trust/certificate.h"

namespace ddskey {

// TrustStore is a set of identity CAs and certificate revocation lists. Immutable and thread-safe.
class TrustStore {
 public:
  // Parse reads PEM documents: `anchors` together at most 64 KiB with at least one CERTIFICATE, `revocation_lists` with
  // X509 CRL blocks. INVALID_ARGUMENT says which document is wrong and how. A CRL whose issuer is none of the anchors,
  // or whose signature does not verify, is refused.
  static absl::StatusOr<std::shared_ptr<const TrustStore>> Parse(const std::vector<std::string>& anchors,
                                                                 const std::vector<std::string>& revocation_lists);

  virtual ~TrustStore() = default;

  // digest is SHA-256 over all anchors and CRLs, independent of their order: the cache key (S-8).
  virtual const std::string& digest() const = 0;
  virtual const std::vector<Certificate>& anchors() const = 0;
};

// CertificateValidator decides whether a certificate is good, now, under a trust store. Results are cached, positive
// and negative ones apart, each bounded (S-8); a cached result is never served past the certificate's or a CRL's own
// dates. Thread-safe.
class CertificateValidator {
 public:
  static std::unique_ptr<CertificateValidator> Create();

  virtual ~CertificateValidator() = default;

  // Validate parses `pem` (the leaf first, then intermediates) and checks, in this order, naming the check at the start
  // of the refusal: "[certificate_format]" PEM labels, at most 16 KiB, 10 certificates; "[key_type]" EC P-256 on the
  // named curve or RSA 2048 to 4096; "[not_yet_valid]", "[expired]"; "[revoked]"; "[issuer]" path to an anchor (RFC
  // 5280 6). INVALID_ARGUMENT for the first two, PERMISSION_DENIED for the others; messages name the subject, escaped.
  virtual absl::StatusOr<std::shared_ptr<const Certificate>> Validate(std::string_view pem, const TrustStore& trust,
                                                                      absl::Time now) = 0;

  // validations counts the validations that were not answered from a cache.
  virtual uint64_t validations() const = 0;
};

}  // namespace ddskey

#endif  // DAEMON_TRUST_CERTIFICATE_VALIDATOR_H_
