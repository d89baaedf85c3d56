#include "test/support/ocsp.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace ddskey::test {
namespace {

struct Free {
  void operator()(ASN1_TIME* p) const { ASN1_TIME_free(p); }
  void operator()(BIO* p) const { BIO_free_all(p); }
  void operator()(OCSP_BASICRESP* p) const { OCSP_BASICRESP_free(p); }
  void operator()(OCSP_RESPONSE* p) const { OCSP_RESPONSE_free(p); }
  void operator()(X509* p) const { X509_free(p); }
};
template <typename T>
using Ptr = std::unique_ptr<T, Free>;

void Must(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "test OCSP responder: cannot %s\n", what);
  std::abort();
}

Ptr<X509> Read(const std::string& pem) {
  const Ptr<BIO> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Ptr<X509> certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  Must(certificate != nullptr, "read a certificate");
  return certificate;
}

Ptr<ASN1_TIME> TimeOf(absl::Time time) {
  return Ptr<ASN1_TIME>(ASN1_GENERALIZEDTIME_set(nullptr, absl::ToTimeT(time)));
}

std::string Encode(OCSP_RESPONSE* response) {
  unsigned char* der = nullptr;
  const int size = i2d_OCSP_RESPONSE(response, &der);
  Must(size > 0, "encode a response");
  std::string encoded(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return encoded;
}

int NumberOf(OcspOptions::Status status) {
  switch (status) {
    case OcspOptions::Status::kGood:
      return V_OCSP_CERTSTATUS_GOOD;
    case OcspOptions::Status::kRevoked:
      return V_OCSP_CERTSTATUS_REVOKED;
    case OcspOptions::Status::kUnknown:
      return V_OCSP_CERTSTATUS_UNKNOWN;
  }
  return V_OCSP_CERTSTATUS_UNKNOWN;
}

}  // namespace

std::string MakeOcspResponse(const TestCa& ca, const std::vector<std::string>& certificates,
                             const OcspOptions& options) {
  const Ptr<X509> issuer = Read(ca.certificate());
  const Ptr<OCSP_BASICRESP> basic(OCSP_BASICRESP_new());
  const Ptr<ASN1_TIME> from = TimeOf(options.this_update);
  const Ptr<ASN1_TIME> until = options.next_update.has_value() ? TimeOf(*options.next_update) : nullptr;
  for (size_t i = 0; i < certificates.size(); ++i) {
    const bool last = i + 1 == certificates.size();
    const int status = last ? NumberOf(options.status) : V_OCSP_CERTSTATUS_GOOD;
    OCSP_CERTID* const id =
        OCSP_cert_to_id(EVP_get_digestbyname(options.id_hash.c_str()), Read(certificates[i]).get(), issuer.get());
    OCSP_SINGLERESP* const single =
        OCSP_basic_add1_status(basic.get(), id, status, 0, status == V_OCSP_CERTSTATUS_REVOKED ? from.get() : nullptr,
                               from.get(), until.get());
    Must(single != nullptr, "add a status");
    if (options.critical_extension) {
      const Ptr<ASN1_TIME> cutoff = TimeOf(options.this_update);
      Must(OCSP_SINGLERESP_add1_ext_i2d(single, NID_id_pkix_OCSP_archiveCutoff, cutoff.get(), 1, 0) == 1,
           "add an extension");
    }
    OCSP_CERTID_free(id);
  }
  if (options.nonce) OCSP_basic_add1_nonce(basic.get(), nullptr, 16);
  const Ptr<X509> signer =
      options.responder.has_value() ? Read(options.responder->certificate) : Read(ca.certificate());
  EVP_PKEY* const key = options.responder.has_value() ? options.responder->key.get() : ca.key().get();
  Must(OCSP_basic_sign(basic.get(), signer.get(), key, EVP_get_digestbyname(options.hash.c_str()), nullptr,
                       options.with_certificate ? 0 : OCSP_NOCERTS) == 1,
       "sign a response");
  const Ptr<OCSP_RESPONSE> response(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
  return Encode(response.get());
}

std::string MakeOcspError() {
  const Ptr<OCSP_RESPONSE> response(OCSP_response_create(OCSP_RESPONSE_STATUS_TRYLATER, nullptr));
  return Encode(response.get());
}

OcspOptions::Responder MakeResponder(const TestCa& ca,
                                     const std::vector<std::pair<std::string, std::string>>& extensions,
                                     const CertificateOptions& options) {
  const TestKey key = TestKey::Generate();
  CertificateOptions responder = options;
  responder.subject = {{"O", "Lab"}, {"CN", "responder"}};
  responder.extensions = extensions;
  if (extensions.empty()) {
    responder.extensions = {
        {"keyUsage", "critical,digitalSignature"}, {"extendedKeyUsage", "OCSPSigning"}, {"noCheck", "ignored"}};
  }
  return {key, ca.Issue(key.public_key(), responder)};
}

}  // namespace ddskey::test
