#ifndef TEST_SUPPORT_PKI_H_
#define TEST_SUPPORT_PKI_H_

#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace ddskey::test {

// What these classes cannot make ends the test program with a message.

// TestKeyType is a kind of key, good and bad ones.
enum class TestKeyType {
  kEcP256,
  kRsa2048,
  kRsa3072,
  kRsa4096,
  kEcP384,
  kEcP521,
  kRsa1024,
  kRsaExponent3,
  kEcExplicit,
  kEd25519
};

// TestKey is a private key for tests. Copies share it.
class TestKey {
 public:
  static TestKey Generate(TestKeyType type = TestKeyType::kEcP256);

  // pem is the private key, PKCS#8.
  std::string pem() const;
  // public_key is the DER SubjectPublicKeyInfo.
  std::string public_key() const;
  // Sign signs SHA-256 of `octets`: ECDSA (DER), or RSA-PSS with MGF1-SHA-256 and salt of `salt_length`.
  std::string Sign(std::string_view octets, int salt_length = 32) const;
  // SignPkcs1 signs SHA-256 of `octets` with RSA PKCS#1 v1.5, or ECDSA.
  std::string SignPkcs1(std::string_view octets) const;

  EVP_PKEY* get() const { return key_.get(); }

 private:
  explicit TestKey(EVP_PKEY* key);
  std::shared_ptr<EVP_PKEY> key_;
};

// NameParts are the attributes of a distinguished name, in the order of the DER form.
using NameParts = std::vector<std::pair<std::string, std::string>>;

// CertificateOptions says what a certificate contains.
struct CertificateOptions {
  NameParts subject = {{"O", "Lab"}, {"CN", "participant"}};
  absl::Time not_before = absl::Now() - absl::Hours(24);
  absl::Time not_after = absl::Now() + absl::Hours(24 * 3650);
  // OpenSSL's configuration form: {"keyUsage", "critical,digitalSignature"}, {"1.2.3.4", "critical,DER:0500"}.
  std::vector<std::pair<std::string, std::string>> extensions = {};
  // Random if 0.
  uint64_t serial = 0;
  std::string hash = "SHA256";
};

// Named are options with the subject /O=Lab/CN=`name`.
CertificateOptions Named(const std::string& name);

// TestCa is a certificate authority: a key and its certificate.
class TestCa {
 public:
  // Root makes a self-signed CA, /O=Lab/CN=`common_name`. The extensions of `options` replace the usual ones of a CA;
  // its subject is not used.
  static TestCa Root(const std::string& common_name, TestKeyType type = TestKeyType::kEcP256,
                     const CertificateOptions& options = {});

  // Intermediate makes a CA that this one signed.
  TestCa Intermediate(const std::string& common_name, TestKeyType type = TestKeyType::kEcP256,
                      const CertificateOptions& options = {}) const;

  // certificate is PEM.
  const std::string& certificate() const { return certificate_; }
  const TestKey& key() const { return key_; }

  // Issue certifies `public_key` (DER SubjectPublicKeyInfo), as PEM.
  std::string Issue(const std::string& public_key, const CertificateOptions& options = {}) const;

  // Crl lists `revoked` certificates (PEM), as PEM. `extensions` as in CertificateOptions.
  std::string Crl(const std::vector<std::string>& revoked, absl::Time this_update = absl::Now() - absl::Hours(1),
                  absl::Time next_update = absl::Now() + absl::Hours(24 * 30),
                  const std::vector<std::pair<std::string, std::string>>& extensions = {}) const;

  // LargeCrl lists `entries` serial numbers from 2^48 on, as PEM: 235,000 are nearly 8 MiB.
  std::string LargeCrl(size_t entries) const;

  // SignDocument gives what `openssl smime -sign -text` gives for `content`: governance and permissions documents.
  std::string SignDocument(const std::string& content) const;

 private:
  TestCa(TestKey key, std::string certificate) : key_(std::move(key)), certificate_(std::move(certificate)) {}

  TestKey key_;
  std::string certificate_;
};

// MalformedPem is `pem` whose content is no DER any more, though it is still base64 between the right lines.
std::string MalformedPem(const std::string& pem);

// WithBrokenSignature is the certificate `pem` with a bit of its signature flipped.
std::string WithBrokenSignature(const std::string& pem);

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_PKI_H_
