#ifndef DAEMON_TRUST_CERTIFICATE_VALIDATOR_H_
#define DAEMON_TRUST_CERTIFICATE_VALIDATOR_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/trust/ocsp_response.h"
#include "daemon/trust/trust_store.h"
#include "daemon/trust/valid_certificate.h"

namespace ddskey {

// CertificateValidator decides whether a certificate is good, now, under a trust store. Results are cached by the trust
// store and the octets as received, positive and negative ones apart, each bounded, for each account and in all (S-8):
// a refused peer that comes back costs a look-up. A cached result is never served past the next date of a certificate
// or CRL that could change it, nor before the last such date. Thread-safe.
class CertificateValidator {
 public:
  static std::unique_ptr<CertificateValidator> Create();

  virtual ~CertificateValidator() = default;

  // Validate parses `pem` (the leaf first, then intermediates) and checks, naming the check at the start of the
  // refusal:
  //   "[certificate_format]" PEM labels, at most 16 KiB, 10 certificates;
  //   "[key_type]"           EC P-256 or P-384 on the named curve or RSA 2048 to 4096; intermediates also EC P-521;
  //   "[not_yet_valid]", "[expired]" the leaf's dates; later, the dates of the CAs on its path;
  //   "[issuer]"             no path to an anchor, by names and extensions (RFC 5280, 6): not a CA, path length;
  //   "[critical_extension]" a critical extension that is not known here, named by its number;
  //   "[depth]"              more than 8 CAs between the leaf and its anchor;
  //   "[key_strength]"       a key or a hash on the path below 112 bits;
  //   "[revoked]"            a certificate on the path is revoked, or its issuer's CRL cannot be used;
  //   "[revocation_list_missing]", "[revocation_list_outdated]" see CheckRevocation;
  //   "[issuer]"             a signature on the path is not good;
  //   "[name_constraints]", "[policy]" a CA on the path may not certify such a name, or asks for a certificate policy;
  //   "[key_usage]", "[extended_key_usage]" it was issued for something else.
  // A validity period begins with not_before and ends just before not_after. The options of `trust` say whether the
  // last two and a missing or outdated list refuse, come back as warnings, or are not looked at. INVALID_ARGUMENT for
  // the first two, PERMISSION_DENIED for the others; messages name the subject, escaped. INTERNAL if this host could
  // not make the checks, which says nothing about the certificate.
  //
  // `account` is the uid for whom it is done, whose share of the cache the result takes.
  //
  // `ocsp_response` is what came with the certificate as its OCSP response (DER), empty if nothing did. It counts if
  // the issuer or its responder signed it, for this certificate and now (OcspResponse): then it refuses a revoked
  // certificate under the name "[ocsp_revoked]", whatever the lists say, and a good one needs no list of its issuer, or
  // no current one. It never outweighs a list on which the certificate is. What does not count is passed over, as
  // nothing says that the peer sent it: who could put it there could also have taken a good one away. `shown` is when
  // it came, if that was before `now`: what began with a good one is not ended by its next update.
  virtual absl::StatusOr<std::shared_ptr<const ValidCertificate>> Validate(
      std::string_view pem, const TrustStore& trust, absl::Time now, uint32_t account = 0,
      std::string_view ocsp_response = {}, absl::Time shown = absl::InfiniteFuture()) = 0;

  // StatusOf is what an OCSP response says of the first certificate of `pem`, whose path must be good but for a current
  // revocation list. Errors are those of Validate and of OcspResponse.
  virtual absl::StatusOr<CertificateStatus> StatusOf(std::string_view pem, const TrustStore& trust, absl::Time now,
                                                     uint32_t account, std::string_view ocsp_response) = 0;

  // validations counts the validations that were not answered from a cache.
  virtual uint64_t validations() const = 0;
};

}  // namespace ddskey

#endif  // DAEMON_TRUST_CERTIFICATE_VALIDATOR_H_
