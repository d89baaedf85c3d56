#include "test/support/pki.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>

namespace ddskey::test {
namespace {

struct Free {
  void operator()(BIO* p) const { BIO_free_all(p); }
  void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(EVP_PKEY_CTX* p) const { EVP_PKEY_CTX_free(p); }
  void operator()(PKCS7* p) const { PKCS7_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(X509_CRL* p) const { X509_CRL_free(p); }
};
template <typename T>
using Ptr = std::unique_ptr<T, Free>;

void Must(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "test PKI: cannot %s\n", what);
  ERR_print_errors_fp(stderr);
  std::abort();
}

Ptr<BIO> Reader(std::string_view text) { return Ptr<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

std::string Written(const Ptr<BIO>& out) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<size_t>(size)};
}

Ptr<X509> ReadCertificate(const std::string& pem) {
  Ptr<X509> certificate(PEM_read_bio_X509(Reader(pem).get(), nullptr, nullptr, nullptr));
  Must(certificate != nullptr, "read a certificate");
  return certificate;
}

std::string WriteCertificate(X509* certificate) {
  const Ptr<BIO> out(BIO_new(BIO_s_mem()));
  Must(PEM_write_bio_X509(out.get(), certificate) == 1, "write a certificate");
  return Written(out);
}

const unsigned char* Octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

EVP_PKEY* GenerateRsa(int bits, unsigned int exponent) {
  const Ptr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_RSA_BITS, &bits),
                               OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_E, &exponent), OSSL_PARAM_END};
  EVP_PKEY* key = nullptr;
  Must(EVP_PKEY_keygen_init(context.get()) == 1 && EVP_PKEY_CTX_set_params(context.get(), params) == 1 &&
           EVP_PKEY_generate(context.get(), &key) == 1,
       "make an RSA key");
  return key;
}

EVP_PKEY* GenerateEc(std::string group, std::string encoding) {
  const Ptr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
                               OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, encoding.data(), 0),
                               OSSL_PARAM_END};
  EVP_PKEY* key = nullptr;
  Must(EVP_PKEY_keygen_init(context.get()) == 1 && EVP_PKEY_CTX_set_params(context.get(), params) == 1 &&
           EVP_PKEY_generate(context.get(), &key) == 1,
       "make an EC key");
  return key;
}

EVP_PKEY* GenerateKey(TestKeyType type) {
  switch (type) {
    case TestKeyType::kEcP256:
      return GenerateEc("P-256", OSSL_PKEY_EC_ENCODING_GROUP);
    case TestKeyType::kEcP384:
      return GenerateEc("P-384", OSSL_PKEY_EC_ENCODING_GROUP);
    case TestKeyType::kEcP521:
      return GenerateEc("P-521", OSSL_PKEY_EC_ENCODING_GROUP);
    case TestKeyType::kEcExplicit:
      return GenerateEc("P-256", OSSL_PKEY_EC_ENCODING_EXPLICIT);
    case TestKeyType::kRsa1024:
      return GenerateRsa(1024, 65537);
    case TestKeyType::kRsa2048:
      return GenerateRsa(2048, 65537);
    case TestKeyType::kRsa3072:
      return GenerateRsa(3072, 65537);
    case TestKeyType::kRsa4096:
      return GenerateRsa(4096, 65537);
    case TestKeyType::kRsaExponent3:
      return GenerateRsa(2048, 3);
    case TestKeyType::kEd25519:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  }
  return nullptr;
}

void SetTime(ASN1_TIME* field, absl::Time time) {
  Must(ASN1_TIME_set(field, absl::ToTimeT(time)) != nullptr, "set a date");
}

void AddExtension(X509V3_CTX* context, const std::string& name, const std::string& value, X509* certificate,
                  X509_CRL* crl) {
  X509_EXTENSION* extension = X509V3_EXT_nconf(nullptr, context, name.c_str(), value.c_str());
  Must(extension != nullptr, "make an extension");
  Must((certificate != nullptr ? X509_add_ext(certificate, extension, -1) : X509_CRL_add_ext(crl, extension, -1)) == 1,
       "add an extension");
  X509_EXTENSION_free(extension);
}

const EVP_MD* HashFor(EVP_PKEY* key, const std::string& hash) {
  return EVP_PKEY_is_a(key, "ED25519") ? nullptr : EVP_get_digestbyname(hash.c_str());
}

// MakeCertificate signs with `issuer_key`; without an issuer's certificate the new one is its own issuer.
std::string MakeCertificate(const std::string& public_key, const CertificateOptions& options, EVP_PKEY* issuer_key,
                            const std::string* issuer_pem) {
  const Ptr<X509> certificate(X509_new());
  X509* const x509 = certificate.get();
  const Ptr<X509> issuer = issuer_pem == nullptr ? nullptr : ReadCertificate(*issuer_pem);
  const unsigned char* at = Octets(public_key);
  const Ptr<EVP_PKEY> key(d2i_PUBKEY(nullptr, &at, static_cast<long>(public_key.size())));
  Must(key != nullptr, "read the public key");
  uint64_t serial = options.serial;
  while (serial == 0) RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial);
  SetTime(X509_getm_notBefore(x509), options.not_before);
  SetTime(X509_getm_notAfter(x509), options.not_after);
  for (const auto& [type, value] : options.subject) {
    Must(X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), type.c_str(), MBSTRING_UTF8, Octets(value),
                                    static_cast<int>(value.size()), -1, 0) == 1,
         "set the subject");
  }
  const X509* const named = issuer == nullptr ? x509 : issuer.get();
  Must(X509_set_issuer_name(x509, X509_get_subject_name(named)) == 1, "set the issuer");
  Must(X509_set_pubkey(x509, key.get()) == 1, "set the public key");
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer == nullptr ? x509 : issuer.get(), x509, nullptr, nullptr, 0);
  for (const auto& [name, value] : options.extensions) AddExtension(&context, name, value, x509, nullptr);
  Must(X509_sign(x509, issuer_key, HashFor(issuer_key, options.hash)) > 0, "sign a certificate");
  return WriteCertificate(x509);
}

Ptr<X509_CRL> BeginCrl(const std::string& issuer, absl::Time this_update, absl::Time next_update) {
  Ptr<X509_CRL> crl(X509_CRL_new());
  const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> time(ASN1_TIME_new(), ASN1_TIME_free);
  X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(ReadCertificate(issuer).get()));
  SetTime(time.get(), this_update);
  X509_CRL_set1_lastUpdate(crl.get(), time.get());
  SetTime(time.get(), next_update);
  X509_CRL_set1_nextUpdate(crl.get(), time.get());
  return crl;
}

void Revoke(X509_CRL* crl, const ASN1_INTEGER* serial) {
  X509_REVOKED* const entry = X509_REVOKED_new();
  X509_REVOKED_set_revocationDate(entry, const_cast<ASN1_TIME*>(X509_CRL_get0_lastUpdate(crl)));
  X509_REVOKED_set_serialNumber(entry, const_cast<ASN1_INTEGER*>(serial));
  Must(X509_CRL_add0_revoked(crl, entry) == 1, "revoke a certificate");
}

std::string SignCrl(X509_CRL* crl, EVP_PKEY* key) {
  X509_CRL_sort(crl);
  Must(X509_CRL_sign(crl, key, HashFor(key, "SHA256")) > 0, "sign a CRL");
  const Ptr<BIO> out(BIO_new(BIO_s_mem()));
  Must(PEM_write_bio_X509_CRL(out.get(), crl) == 1, "write a CRL");
  return Written(out);
}

CertificateOptions CaOptions(const std::string& common_name, CertificateOptions options) {
  options.subject = {{"O", "Lab"}, {"CN", common_name}};
  if (options.extensions.empty()) {
    options.extensions = {{"basicConstraints", "critical,CA:TRUE"},
                          {"keyUsage", "critical,keyCertSign,cRLSign,digitalSignature"},
                          {"subjectKeyIdentifier", "hash"}};
  }
  return options;
}

std::string SignWith(EVP_PKEY* key, std::string_view octets, int padding, int salt_length) {
  const Ptr<EVP_MD_CTX> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  Must(EVP_DigestSignInit_ex(context.get(), &options, "SHA256", nullptr, nullptr, key, nullptr) == 1, "begin to sign");
  if (EVP_PKEY_is_a(key, "RSA")) {
    Must(EVP_PKEY_CTX_set_rsa_padding(options, padding) == 1, "set the padding");
    if (padding == RSA_PKCS1_PSS_PADDING) {
      Must(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, salt_length) == 1, "set the salt length");
    }
  }
  size_t size = static_cast<size_t>(EVP_PKEY_get_size(key));
  std::string signature(size, '\0');
  Must(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, Octets(octets),
                      octets.size()) == 1,
       "sign");
  signature.resize(size);
  return signature;
}

}  // namespace

TestKey::TestKey(EVP_PKEY* key) : key_(key, EVP_PKEY_free) {}

TestKey TestKey::Generate(TestKeyType type) {
  EVP_PKEY* const key = GenerateKey(type);
  Must(key != nullptr, "make a key");
  return TestKey(key);
}

std::string TestKey::pem() const {
  const Ptr<BIO> out(BIO_new(BIO_s_mem()));
  Must(PEM_write_bio_PKCS8PrivateKey(out.get(), get(), nullptr, nullptr, 0, nullptr, nullptr) == 1, "write a key");
  return Written(out);
}

std::string TestKey::public_key() const {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(get(), &der);
  Must(size > 0, "encode a public key");
  std::string encoded(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return encoded;
}

std::string TestKey::Sign(std::string_view octets, int salt_length) const {
  return SignWith(get(), octets, RSA_PKCS1_PSS_PADDING, salt_length);
}

std::string TestKey::SignPkcs1(std::string_view octets) const { return SignWith(get(), octets, RSA_PKCS1_PADDING, 0); }

CertificateOptions Named(const std::string& name) {
  CertificateOptions options;
  options.subject = {{"O", "Lab"}, {"CN", name}};
  return options;
}

TestCa TestCa::Root(const std::string& common_name, TestKeyType type, const CertificateOptions& options) {
  TestKey key = TestKey::Generate(type);
  std::string certificate = MakeCertificate(key.public_key(), CaOptions(common_name, options), key.get(), nullptr);
  return TestCa(std::move(key), std::move(certificate));
}

TestCa TestCa::Intermediate(const std::string& common_name, TestKeyType type, const CertificateOptions& options) const {
  TestKey key = TestKey::Generate(type);
  std::string certificate = Issue(key.public_key(), CaOptions(common_name, options));
  return TestCa(std::move(key), std::move(certificate));
}

std::string TestCa::Issue(const std::string& public_key, const CertificateOptions& options) const {
  return MakeCertificate(public_key, options, key_.get(), &certificate_);
}

std::string TestCa::Crl(const std::vector<std::string>& revoked, absl::Time this_update, absl::Time next_update,
                        const std::vector<std::pair<std::string, std::string>>& extensions) const {
  const Ptr<X509_CRL> crl = BeginCrl(certificate_, this_update, next_update);
  for (const std::string& pem : revoked) Revoke(crl.get(), X509_get0_serialNumber(ReadCertificate(pem).get()));
  const Ptr<X509> issuer = ReadCertificate(certificate_);
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer.get(), nullptr, nullptr, crl.get(), 0);
  for (const auto& [name, value] : extensions) AddExtension(&context, name, value, nullptr, crl.get());
  return SignCrl(crl.get(), key_.get());
}

std::string TestCa::LargeCrl(size_t entries) const {
  const Ptr<X509_CRL> crl = BeginCrl(certificate_, absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(24 * 30));
  const std::unique_ptr<ASN1_INTEGER, decltype(&ASN1_INTEGER_free)> serial(ASN1_INTEGER_new(), ASN1_INTEGER_free);
  for (size_t i = 0; i < entries; ++i) {
    ASN1_INTEGER_set_uint64(serial.get(), (uint64_t{1} << 48) + i);
    Revoke(crl.get(), serial.get());
  }
  return SignCrl(crl.get(), key_.get());
}

std::string TestCa::SignDocument(const std::string& content) const {
  constexpr int kFlags = PKCS7_DETACHED | PKCS7_TEXT;
  const Ptr<BIO> in = Reader(content);
  const Ptr<X509> certificate = ReadCertificate(certificate_);
  const Ptr<PKCS7> signature(PKCS7_sign(certificate.get(), key_.get(), nullptr, in.get(), kFlags | PKCS7_STREAM));
  Must(signature != nullptr, "sign a document");
  const Ptr<BIO> out(BIO_new(BIO_s_mem()));
  Must(SMIME_write_PKCS7(out.get(), signature.get(), in.get(), kFlags | PKCS7_STREAM) == 1, "write a signed document");
  return Written(out);
}

std::string MalformedPem(const std::string& pem) {
  std::string broken = pem;
  const size_t first = broken.find('\n') + 1;
  // "MII" begins every DER SEQUENCE of such a length; this is an OCTET STRING.
  broken.replace(first, 3, "BII");
  return broken;
}

std::string WithBrokenSignature(const std::string& pem) {
  const Ptr<X509> certificate = ReadCertificate(pem);
  const ASN1_BIT_STRING* signature = nullptr;
  X509_get0_signature(&signature, nullptr, certificate.get());
  const_cast<unsigned char*>(ASN1_STRING_get0_data(signature))[ASN1_STRING_length(signature) - 1] ^= 1;
  return WriteCertificate(certificate.get());
}

}  // namespace ddskey::test
