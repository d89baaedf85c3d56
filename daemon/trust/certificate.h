#ifndef DAEMON_TRUST_CERTIFICATE_H_
#define DAEMON_TRUST_CERTIFICATE_H_

#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace ddskey {

// Certificate is a parsed X.509 certificate (RFC 5280). Copies share the parsed form; immutable and thread-safe.
class Certificate {
 public:
  // ParsePem reads the CERTIFICATE blocks of a document of at most 64 KiB, at most 16 of them, in order. Other PEM
  // labels, and documents without one, are INVALID_ARGUMENT; text between blocks is skipped (S-13). A NUL at the end,
  // as some peers send, is ignored.
  static absl::StatusOr<std::vector<Certificate>> ParsePem(std::string_view pem);

  // WithoutText is a document that ParsePem takes, without the text around its blocks: what `openssl x509 -text` and
  // `openssl pkcs12` write there is nobody else's business. Another document comes back as it is.
  static std::string WithoutText(std::string_view pem);

  // RFC 2253 text forms, control and non-ASCII characters escaped.
  const std::string& subject() const;
  const std::string& issuer() const;
  // DER of the subject Name: what the adjusted GUID hashes (DDS Security 9.3.3).
  const std::string& subject_der() const;
  // Hexadecimal, lower case, without leading zeros.
  const std::string& serial() const;
  absl::Time not_before() const;
  absl::Time not_after() const;
  // SHA-256 of the DER form, 32 octets.
  const std::string& digest() const;
  // DER SubjectPublicKeyInfo.
  const std::string& public_key() const;
  // Key type as the identity token names it (9.3.2.1): "EC-prime256v1" or "RSA-2048"; for keys that no token names a
  // text of the same form, "EC-explicit" for curves given by their parameters; empty if the key cannot be read.
  const std::string& token_algorithm() const;

  // pem is one CERTIFICATE block, without text.
  std::string pem() const;

  // VerifySignature checks `signature` over `octets` with SHA-256 by the type of this certificate's key: ECDSA (DER),
  // or RSA-PSS with MGF1-SHA-256 and any salt length. PERMISSION_DENIED if it is not good.
  absl::Status VerifySignature(std::string_view octets, std::string_view signature) const;

  // x509 lends the parsed form to trust/ and its tests.
  X509* x509() const;

 private:
  struct Parsed;
  static absl::StatusOr<Certificate> ParseDer(std::string_view der);
  explicit Certificate(std::shared_ptr<const Parsed> parsed);

  std::shared_ptr<const Parsed> parsed_;
};

}  // namespace ddskey

#endif  // DAEMON_TRUST_CERTIFICATE_H_
