#ifndef CLIENT_CA_REQUEST_H_
#define CLIENT_CA_REQUEST_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "client/ca/openssl.h"

namespace ddskey::ca {

// Request is a certification request (PKCS#10, RFC 2986) that passed the checks which need no judgement. It came from
// outside.
class Request {
 public:
  // Parse reads one PEM block of at most 16 KiB. INVALID_ARGUMENT says what is wrong: anything else in the document but
  // text before and after the block; another version; a signature that is not the key's; a key that participants do not
  // have (EC P-256 or P-384 on the named curve, RSA of 2048 to 4096 bits with an odd exponent from 65537 to 2^33); a
  // subject without or with more than 16 attributes, with an empty one, or with control characters.
  static absl::StatusOr<Request> Parse(std::string_view pem);

  // ParseDer is Parse of what is in such a block.
  static absl::StatusOr<Request> ParseDer(std::string der);

  // subject_text is the subject in the form of RFC 2253, as permissions documents have it.
  std::string subject_text() const;
  // attributes are its parts in order: short name of the type, or its number, and value in UTF-8.
  std::vector<std::pair<std::string, std::string>> attributes() const;
  const X509_NAME* subject() const;
  EVP_PKEY* public_key() const;

  // pem is the request, and der what it came as: what an attestation names.
  std::string pem() const;
  const std::string& der() const { return der_; }
  // public_key_der is the SubjectPublicKeyInfo.
  std::string public_key_der() const;

 private:
  Request(OpensslPtr<X509_REQ> request, std::string der) : request_(std::move(request)), der_(std::move(der)) {}

  OpensslPtr<X509_REQ> request_;
  std::string der_;
};

}  // namespace ddskey::ca

#endif  // CLIENT_CA_REQUEST_H_
