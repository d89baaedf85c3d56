#ifndef DAEMON_TRUST_REVOCATION_LIST_H_
#define DAEMON_TRUST_REVOCATION_LIST_H_

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/trust/certificate.h"

namespace ddskey {

// RevocationList is a parsed certificate revocation list (RFC 5280, 5). Copies share the parsed form; immutable and
// thread-safe.
class RevocationList {
 public:
  // Octets of a document, and lists in one.
  static constexpr size_t kLargestDocument = size_t{8} * 1024 * 1024;
  static constexpr size_t kMostLists = 64;

  // ParsePem reads the X509 CRL blocks of a document, in order (S-13). INVALID_ARGUMENT for other PEM labels, documents
  // without a list or over a limit, and lists that are malformed, only amend another (delta), do not say when the next
  // one comes (nextUpdate), are signed with a weak hash, have a critical extension that is not known here, or speak of
  // some reasons or of other issuers' certificates only (see ListScope). Whether the signature is good is not looked
  // at.
  static absl::StatusOr<std::vector<RevocationList>> ParsePem(std::string_view pem);

  // Parse reads a document that is either PEM, as above, or one list in DER, of the same size at most.
  static absl::StatusOr<std::vector<RevocationList>> Parse(std::string_view document);

  // RFC 2253 text form, control and non-ASCII characters escaped.
  const std::string& issuer() const;
  // DER of the issuer's Name.
  const std::string& issuer_der() const;
  // CRL number (5.2.3), hexadecimal, lower case, without leading zeros; empty if it has none.
  const std::string& number() const;
  // Names the issuer's key (authorityKeyIdentifier, 5.2.1), as octets; empty if it does not. Lists of CAs that share
  // a name are told apart by it.
  const std::string& authority_key() const;
  // SHA-256 of the issuingDistributionPoint (5.2.5), as octets; empty if it speaks of all certificates of its issuer.
  // Lists of one CA that speak of different ones stand beside each other.
  const std::string& scope() const;
  absl::Time this_update() const;
  absl::Time next_update() const;
  // How many certificates it revokes.
  size_t size() const;
  // SHA-256 of the DER form, 32 octets.
  const std::string& digest() const;
  const std::string& der() const;
  // pem is one X509 CRL block, without text.
  std::string pem() const;

  // CheckSupersedes is OK if this may take the place of `older`, of the same issuer, key and scope: neither its number
  // is lower nor its thisUpdate older, and it does not lack a number that the older one has (S-8). Else
  // FAILED_PRECONDITION.
  absl::Status CheckSupersedes(const RevocationList& older) const;

  // IsSignedBy is whether the signature verifies with the key of `authority`; one that did is remembered.
  bool IsSignedBy(X509* authority) const;
  // IsKnownToBeSignedBy is whether IsSignedBy said so before, which costs no verification.
  bool IsKnownToBeSignedBy(X509* authority) const;

  // MayBeOfKey is false if this list and `authority`, which has the issuer's name, name different keys.
  bool MayBeOfKey(X509* authority) const;

  // Covers is whether it speaks of `certificate`, of the same issuer; Revokes whether it revokes it.
  bool Covers(X509* certificate) const;
  bool Revokes(X509* certificate) const;

  // CheckIssuedBy is OK if one of `authorities` has signed this list. NOT_FOUND if none of them has the issuer's name
  // and may have its key, INVALID_ARGUMENT if the signature verifies with the key of none that has.
  absl::Status CheckIssuedBy(const std::vector<Certificate>& authorities) const;

  // crl lends the parsed form to trust/ and its tests.
  X509_CRL* crl() const;

 private:
  struct Parsed;
  static absl::StatusOr<RevocationList> ParseDer(std::string_view der);
  explicit RevocationList(std::shared_ptr<const Parsed> parsed);

  std::shared_ptr<const Parsed> parsed_;
};

}  // namespace ddskey

#endif  // DAEMON_TRUST_REVOCATION_LIST_H_
