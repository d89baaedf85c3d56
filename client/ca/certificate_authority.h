#ifndef CLIENT_CA_CERTIFICATE_AUTHORITY_H_
#define CLIENT_CA_CERTIFICATE_AUTHORITY_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/ca/authority.h"
#include "client/ca/folder.h"
#include "client/ca/index.h"
#include "client/ca/nonces.h"
#include "client/ca/request.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::ca {

// CertificateAuthority is a folder with an identity CA or a permissions CA, or both:
//
//   identity_ca.pem, permissions_ca.pem   their certificates
//   identity_ca.key, permissions_ca.key   their keys, encrypted
//   index.txt, index.txt.attr, crlnumber  what the identity CA has issued, and the number of its next list
//   issued/SERIAL.pem                     the certificates
//   nonces.txt                            the nonces that it has issued for attestations (client/ca/nonces.h)
//   documents.txt                         what the permissions CA has signed: time, SHA-256 of the XML, kind
//
// The folder is locked while an object of it lives.
class CertificateAuthority {
 public:
  // Plan says what to make.
  struct Plan {
    std::vector<AuthorityKind> kinds = {AuthorityKind::kIdentity, AuthorityKind::kPermissions};
    std::string organization;
    KeyAlgorithm algorithm = KeyAlgorithm::kEcP256;
    int years = 10;
  };

  // Init makes the folder `path`, or what `plan` says in one that is there. ALREADY_EXISTS if such a CA is there.
  static absl::Status Init(const std::string& path, const Plan& plan, const SecretBytes& passphrase, absl::Time now);

  static absl::StatusOr<CertificateAuthority> Open(const std::string& path);

  // Certify makes a certificate (PEM) that is valid until `not_after`. Its serial number
  // is random, of 16 octets, and was never issued before. It is recorded before it is returned. Errors as
  // Authority::Certify.
  absl::StatusOr<std::string> Certify(const Request& request, absl::Time not_after, const SecretBytes& passphrase,
                                      absl::Time now);

  // IssueNonce makes a nonce for an attestation: 32 octets, good once, for an hour. CheckNonce and UseNonce are those
  // of Nonces.
  absl::StatusOr<std::string> IssueNonce(absl::Time now);
  absl::Status CheckNonce(std::string_view nonce, absl::Time now) const;
  absl::Status UseNonce(std::string_view nonce, absl::Time now);

  // SignDocument signs a governance or permissions document. INVALID_ARGUMENT if it is none.
  absl::StatusOr<std::string> SignDocument(std::string_view xml, const SecretBytes& passphrase, absl::Time now);

  // Revoke takes a serial number in hexadecimal, and one of kReasons or nothing. It needs no key: the next list says
  // it.
  absl::Status Revoke(std::string_view serial, std::string_view reason, absl::Time now);

  // MakeList makes the next revocation list (PEM).
  absl::StatusOr<std::string> MakeList(absl::Time next_update, const SecretBytes& passphrase, absl::Time now);

  // CheckIssued sees that this CA has signed `certificate` (PEM), has it in its index, and has not revoked it.
  // FAILED_PRECONDITION otherwise.
  absl::Status CheckIssued(std::string_view certificate) const;

  // SerialOf is the serial number of a certificate (PEM), in hexadecimal. FAILED_PRECONDITION if this CA did not sign
  // it.
  absl::StatusOr<std::string> SerialOf(std::string_view certificate) const;

 private:
  explicit CertificateAuthority(std::unique_ptr<Folder> folder) : folder_(std::move(folder)) {}
  absl::StatusOr<Authority> OpenAuthority(AuthorityKind kind, const SecretBytes& passphrase) const;
  absl::StatusOr<Index> ReadIndex() const;
  absl::StatusOr<Nonces> ReadNonces() const;

  std::unique_ptr<Folder> folder_;
};

}  // namespace ddskey::ca

#endif  // CLIENT_CA_CERTIFICATE_AUTHORITY_H_
