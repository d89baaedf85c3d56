#ifndef DAEMON_TRUST_OCSP_RESPONSE_H_
#define DAEMON_TRUST_OCSP_RESPONSE_H_

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/trust/certificate.h"
#include "daemon/trust/trust_store.h"

namespace ddskey {

// CertificateStatus is what a responder said of a certificate (RFC 6960, 2.2).
struct CertificateStatus {
  enum class Kind { kGood, kRevoked, kUnknown };
  Kind kind = Kind::kUnknown;
  absl::Time this_update;
  // The statement holds until before this: its nextUpdate, or the end of its responder's certificate.
  absl::Time next_update;
  // When the certificate was revoked; only of a revoked one.
  absl::Time revoked;
};

// OcspResponse is a parsed response of an OCSP responder (RFC 6960, 4.2). Copies share the parsed form; immutable and
// thread-safe.
class OcspResponse {
 public:
  static constexpr size_t kLargest = 16 * 1024;
  // How far a responder's clock may be ahead of this host's.
  static constexpr absl::Duration kSkew = absl::Minutes(5);

  // Parse reads DER. INVALID_ARGUMENT for octets over the limit, malformed or followed by others, for responses that
  // report an error or are of another type than id-pkix-ocsp-basic, that are signed with a weak hash or have a critical
  // extension. Whether the signature is good is not looked at.
  static absl::StatusOr<OcspResponse> Parse(std::string_view der);

  // The latest thisUpdate and the first nextUpdate of its statements, by its own word.
  absl::Time this_update() const;
  absl::Time next_update() const;

  // StatusOf returns what the response says at `now` of `leaf`, which `issuer` issued on a path that is good in
  // `trust`. PERMISSION_DENIED, with the reason, if it says nothing: it is about other certificates or not current,
  // does not say when the next one comes (nextUpdate), or its signature is neither that of `issuer` nor of a responder
  // that `issuer` itself authorised (4.2.2.2), whose certificate is good and not revoked. A nonce is not looked at. Of
  // several statements about `leaf` the one that it is revoked counts, then the latest.
  absl::StatusOr<CertificateStatus> StatusOf(const Certificate& leaf, const Certificate& issuer,
                                             const TrustStore& trust, absl::Time now) const;

 private:
  struct Parsed;
  explicit OcspResponse(std::shared_ptr<const Parsed> parsed);

  std::shared_ptr<const Parsed> parsed_;
};

}  // namespace ddskey

#endif  // DAEMON_TRUST_OCSP_RESPONSE_H_
