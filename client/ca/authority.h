#ifndef CLIENT_CA_AUTHORITY_H_
#define CLIENT_CA_AUTHORITY_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/ca/index.h"
#include "client/ca/openssl.h"
#include "client/ca/request.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::ca {

// AuthorityKind is what a CA of DDS Security is for; each has a key of its own.
enum class AuthorityKind {
  // Signs certificates of participants and revocation lists, nothing else: keyCertSign and cRLSign.
  kIdentity,
  // Signs governance and permissions documents, nothing else: digitalSignature, which S/MIME asks for.
  kPermissions,
};

// Authority is the private key of a CA, and its certificate.
class Authority {
 public:
  // Terms are what a new CA is to be.
  struct Terms {
    AuthorityKind kind = AuthorityKind::kIdentity;
    // Subject attributes in order: type and value.
    std::vector<std::pair<std::string, std::string>> subject;
    KeyAlgorithm algorithm = KeyAlgorithm::kEcP256;
    absl::Time not_before;
    absl::Time not_after;
  };
  // Documents are a CA as it is stored, both PEM: its certificate, and its key in PKCS#8 encrypted with AES-256 under
  // scrypt.
  struct Documents {
    std::string certificate;
    std::string key;
  };
  // Grant is what a certificate says besides the request.
  struct Grant {
    // 1 to 20 octets, the first below 0x80.
    std::string serial;
    absl::Time not_before;
    absl::Time not_after;
  };

  // Make makes a CA. INVALID_ARGUMENT for a subject that X.509 does not take.
  static absl::StatusOr<Documents> Make(const Terms& terms, const SecretBytes& passphrase);

  // Open reads one. PERMISSION_DENIED if the passphrase is wrong, DATA_LOSS if the documents are damaged or do not
  // belong together.
  static absl::StatusOr<Authority> Open(const Documents& documents, const SecretBytes& passphrase);

  // Certify makes the certificate (PEM) of a participant: no CA, for digital signatures. Nothing but subject and key is
  // taken from the request (S-11). FAILED_PRECONDITION if the certificate would outlive the CA or is not valid for any
  // time, or if its subject is the CA's own.
  absl::StatusOr<std::string> Certify(const Request& request, const Grant& grant) const;

  // List makes a revocation list (PEM) of the revoked ones of `index`. FAILED_PRECONDITION if it would outlive the CA.
  absl::StatusOr<std::string> List(const Index& index, uint64_t number, absl::Time this_update,
                                   absl::Time next_update) const;

  // SignDocument makes the S/MIME document of DDS Security 9.4.1.1 of `xml`, as `openssl smime -sign -text` does.
  absl::StatusOr<std::string> SignDocument(std::string_view xml) const;

  absl::Time not_after() const { return not_after_; }

 private:
  Authority(OpensslPtr<EVP_PKEY> key, OpensslPtr<X509> certificate, absl::Time not_after)
      : key_(std::move(key)), certificate_(std::move(certificate)), not_after_(not_after) {}

  OpensslPtr<EVP_PKEY> key_;
  OpensslPtr<X509> certificate_;
  absl::Time not_after_;
};

}  // namespace ddskey::ca

#endif  // CLIENT_CA_AUTHORITY_H_
