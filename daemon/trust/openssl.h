#ifndef DAEMON_TRUST_OPENSSL_H_
#define DAEMON_TRUST_OPENSSL_H_

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/types.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace ddskey::trust {

// OpensslDelete frees what OpenSSL made.
struct OpensslDelete {
  void operator()(ASN1_TIME* p) const { ASN1_TIME_free(p); }
  void operator()(BIGNUM* p) const { BN_free(p); }
  void operator()(BIO* p) const { BIO_free_all(p); }
  void operator()(EVP_MD* p) const { EVP_MD_free(p); }
  void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(X509_CRL* p) const { X509_CRL_free(p); }
  void operator()(X509_EXTENSION* p) const { X509_EXTENSION_free(p); }
  void operator()(X509_NAME* p) const { X509_NAME_free(p); }
  void operator()(X509_REQ* p) const { X509_REQ_free(p); }
  void operator()(X509_STORE* p) const { X509_STORE_free(p); }
  void operator()(X509_STORE_CTX* p) const { X509_STORE_CTX_free(p); }
};

// OpensslPtr owns an OpenSSL object.
template <typename T>
using OpensslPtr = std::unique_ptr<T, OpensslDelete>;

// Library is the library context in which everything that came from outside is parsed: of our own, with the default
// provider, without a configuration file (S-13). It lives as long as the process.
OSSL_LIB_CTX* Library();

// Sha256 returns the 32 octets of SHA-256 over `octets`.
std::string Sha256(std::string_view octets);

// ReadTime converts a time of a certificate or CRL; INVALID_ARGUMENT if it is not one.
absl::StatusOr<absl::Time> ReadTime(const ASN1_TIME* time);

// NumberText is a number in hexadecimal, lower case, without leading zeros; empty if it cannot be read.
std::string NumberText(const ASN1_INTEGER* number);

// Der is what `encode`, an i2d function of OpenSSL, makes of `object`; empty if it fails.
template <typename T, typename Encode>
std::string Der(T* object, Encode encode) {
  unsigned char* octets = nullptr;
  const int size = encode(object, &octets);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<char*>(octets), static_cast<size_t>(size));
  OPENSSL_free(octets);
  return der;
}

// NameText is the RFC 2253 form of `name`, control and non-ASCII characters escaped.
std::string NameText(const X509_NAME* name);

// PrintableText is `text` cut to a length that fits a log line, octets other than printable ASCII as `\xNN`.
std::string PrintableText(std::string_view text);

// TakeError empties OpenSSL's error queue and returns the reason of its last entry, or an empty text.
std::string TakeError();

}  // namespace ddskey::trust

#endif  // DAEMON_TRUST_OPENSSL_H_
