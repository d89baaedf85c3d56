#include "client/attestation/ek_certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace ddskey::attestation {
namespace {

using ca::OpensslPtr;

constexpr size_t kLargest = size_t{16} * 1024;
constexpr size_t kMost = 8;
// tcg-kp-EKCertificate (TCG EK Credential Profile, 3.2.16).
constexpr char kEkUsage[] = "2.23.133.8.1";

struct StoreDelete {
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
  void operator()(STACK_OF(X509) * certificates) const { sk_X509_pop_free(certificates, X509_free); }
  void operator()(EXTENDED_KEY_USAGE* usage) const { EXTENDED_KEY_USAGE_free(usage); }
};
template <typename T>
using Owned = std::unique_ptr<T, StoreDelete>;

absl::Status Refused(const std::string& why) {
  ERR_clear_error();
  return absl::FailedPreconditionError(absl::StrCat("the endorsement certificate ", why));
}

absl::StatusOr<OpensslPtr<X509>> FromDer(const std::string& der) {
  const absl::Status unreadable = absl::InvalidArgumentError("a certificate of the bundle cannot be read");
  if (der.size() > kLargest) return unreadable;
  X509* certificate = X509_new_ex(ca::Library(), nullptr);
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* const end = at + der.size();
  d2i_X509(&certificate, &at, static_cast<long>(der.size()));
  ERR_clear_error();
  // Null if it could not be read.
  OpensslPtr<X509> owned(certificate);
  if (owned == nullptr || at != end) return unreadable;
  return owned;
}

absl::Status AddRoots(X509_STORE* store, const std::string& pem) {
  const OpensslPtr<BIO> in = ca::Reader(pem);
  size_t count = 0;
  while (true) {
    const auto no_passphrase = [](char*, int, int, void*) { return -1; };
    X509* empty = X509_new_ex(ca::Library(), nullptr);
    if (PEM_read_bio_X509(in.get(), &empty, no_passphrase, nullptr) == nullptr) {
      X509_free(empty);
      break;
    }
    const OpensslPtr<X509> root(empty);
    if (X509_STORE_add_cert(store, root.get()) != 1) return ca::OpensslError("take a root");
    ++count;
  }
  ERR_clear_error();
  if (count == 0) return absl::InvalidArgumentError("there is no certificate among the roots of endorsement keys");
  return absl::OkStatus();
}

absl::Status AddLists(X509_STORE* store, const std::string& pem) {
  if (pem.empty()) return absl::OkStatus();
  const OpensslPtr<BIO> in = ca::Reader(pem);
  size_t count = 0;
  while (X509_CRL* const list = PEM_read_bio_X509_CRL(in.get(), nullptr, nullptr, nullptr)) {
    const OpensslPtr<X509_CRL> owned(list);
    if (X509_STORE_add_crl(store, list) != 1) return ca::OpensslError("take a revocation list");
    ++count;
  }
  ERR_clear_error();
  if (count == 0) return absl::InvalidArgumentError("there is no revocation list in what was given as some");
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
  return absl::OkStatus();
}

// CheckUse sees that the certificate was issued for an endorsement key.
absl::Status CheckUse(X509* certificate) {
  if (X509_check_ca(certificate) != 0) return Refused("is that of a CA");
  constexpr uint32_t kUses = KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT | KU_DATA_ENCIPHERMENT;
  if ((X509_get_key_usage(certificate) & kUses) == 0) return Refused("is for a key that does not decrypt");
  const Owned<EXTENDED_KEY_USAGE> usages(
      static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(certificate, NID_ext_key_usage, nullptr, nullptr)));
  ERR_clear_error();
  if (usages == nullptr) return absl::OkStatus();
  for (int i = 0; i < sk_ASN1_OBJECT_num(usages.get()); ++i) {
    char text[32] = {};
    OBJ_obj2txt(text, sizeof(text), sk_ASN1_OBJECT_value(usages.get(), i), 1);
    if (std::string_view(text) == kEkUsage) return absl::OkStatus();
  }
  return Refused("was issued for something else than an endorsement key");
}

}  // namespace

absl::StatusOr<OpensslPtr<EVP_PKEY>> VerifyEkCertificate(const std::vector<std::string>& certificates,
                                                         const EkTrust& trust, absl::Time now) {
  if (certificates.empty()) {
    return absl::FailedPreconditionError(
        "the bundle has no endorsement certificate: nothing says whose TPM this is (give the manufacturer's where the "
        "bundle is made, with --ek-certificate)");
  }
  if (certificates.size() > kMost) return absl::InvalidArgumentError("the bundle has more than 8 certificates");
  const Owned<X509_STORE> store(X509_STORE_new());
  const Owned<STACK_OF(X509)> others(sk_X509_new_null());
  OpensslPtr<X509> leaf;
  for (const std::string& der : certificates) {
    ASSIGN_OR_RETURN(OpensslPtr<X509> certificate, FromDer(der));
    if (leaf == nullptr) {
      leaf = std::move(certificate);
    } else if (sk_X509_push(others.get(), certificate.get()) > 0) {
      static_cast<void>(certificate.release());
    }
  }
  RETURN_IF_ERROR(AddRoots(store.get(), trust.roots));
  RETURN_IF_ERROR(AddLists(store.get(), trust.revocation_lists));
  const Owned<X509_STORE_CTX> context(X509_STORE_CTX_new_ex(ca::Library(), nullptr));
  if (context == nullptr || X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), others.get()) != 1) {
    return ca::OpensslError("verify a certificate");
  }
  X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
  // What is given as a root is one, also if it is a CA below another.
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_time(parameters, absl::ToTimeT(now));
  if (X509_verify_cert(context.get()) != 1) {
    return Refused(
        absl::StrCat("is not good: ", X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()))));
  }
  RETURN_IF_ERROR(CheckUse(leaf.get()));
  EVP_PKEY* const key = X509_get_pubkey(leaf.get());
  if (key == nullptr) return Refused("has a key that cannot be read");
  return OpensslPtr<EVP_PKEY>(key);
}

}  // namespace ddskey::attestation
