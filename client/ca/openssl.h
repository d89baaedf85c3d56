#ifndef CLIENT_CA_OPENSSL_H_
#define CLIENT_CA_OPENSSL_H_

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pkcs7.h>
#include <openssl/types.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace ddskey::ca {

// OpensslDelete frees what OpenSSL made.
struct OpensslDelete {
  // Of every ASN.1 type that is one: numbers, times.
  void operator()(ASN1_STRING* p) const { ASN1_STRING_free(p); }
  void operator()(BIGNUM* p) const { BN_free(p); }
  void operator()(BIO* p) const { BIO_free_all(p); }
  void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(EVP_PKEY_CTX* p) const { EVP_PKEY_CTX_free(p); }
  void operator()(PKCS7* p) const { PKCS7_free(p); }
  void operator()(PKCS8_PRIV_KEY_INFO* p) const { PKCS8_PRIV_KEY_INFO_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(X509_ALGOR* p) const { X509_ALGOR_free(p); }
  void operator()(X509_CRL* p) const { X509_CRL_free(p); }
  void operator()(X509_NAME* p) const { X509_NAME_free(p); }
  void operator()(X509_REQ* p) const { X509_REQ_free(p); }
  void operator()(X509_SIG* p) const { X509_SIG_free(p); }
};

// OpensslPtr owns an OpenSSL object.
template <typename T>
using OpensslPtr = std::unique_ptr<T, OpensslDelete>;

// Library is the library context in which everything is parsed and made: of our own, with the default provider, without
// a configuration file (S-13). It lives as long as the process.
OSSL_LIB_CTX* Library();

// OpensslError is UNKNOWN, "cannot DOING", with OpenSSL's reason; it empties the error queue.
absl::Status OpensslError(std::string_view doing);

// Reader is `octets` for OpenSSL to read; they must outlive it.
OpensslPtr<BIO> Reader(std::string_view octets);

// Written is what OpenSSL wrote into a memory BIO.
std::string Written(BIO* out);

// ReadCertificate reads the first PEM certificate of `pem`. INVALID_ARGUMENT if there is none.
absl::StatusOr<OpensslPtr<X509>> ReadCertificate(std::string_view pem);

// MakeTime and ReadTime convert times of certificates; MakeTime returns null for one that X.509 cannot say.
OpensslPtr<ASN1_TIME> MakeTime(absl::Time time);
absl::StatusOr<absl::Time> ReadTime(const ASN1_TIME* time);

// NameText is the RFC 2253 form of `name`, control and non-ASCII characters escaped: as in permissions documents.
std::string NameText(const X509_NAME* name);

// Sha256Text is SHA-256 of `octets` in hexadecimal.
std::string Sha256Text(std::string_view octets);

}  // namespace ddskey::ca

#endif  // CLIENT_CA_OPENSSL_H_
