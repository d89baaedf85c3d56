#include "client/ca/openssl.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <climits>
#include <ctime>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace ddskey::ca {

OSSL_LIB_CTX* Library() {
  static OSSL_LIB_CTX* const library = [] {
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
    return OSSL_LIB_CTX_new();
  }();
  return library;
}

absl::Status OpensslError(std::string_view doing) {
  std::array<char, 160> reason = {};
  ERR_error_string_n(ERR_peek_last_error(), reason.data(), reason.size());
  ERR_clear_error();
  return absl::UnknownError(absl::StrCat("cannot ", std::string(doing), ": ", reason.data()));
}

OpensslPtr<BIO> Reader(std::string_view octets) {
  if (octets.size() > INT_MAX) return nullptr;
  return OpensslPtr<BIO>(BIO_new_mem_buf(octets.data(), static_cast<int>(octets.size())));
}

std::string Written(BIO* out) {
  char* octets = nullptr;
  const long size = BIO_get_mem_data(out, &octets);
  return size > 0 ? std::string(octets, static_cast<size_t>(size)) : std::string();
}

absl::StatusOr<OpensslPtr<X509>> ReadCertificate(std::string_view pem) {
  X509* certificate = X509_new_ex(Library(), nullptr);
  const OpensslPtr<BIO> in = Reader(pem);
  // A passphrase is never asked for here.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  if (PEM_read_bio_X509(in.get(), &certificate, no_passphrase, nullptr) == nullptr) {
    X509_free(certificate);
    ERR_clear_error();
    return absl::InvalidArgumentError("this is no PEM certificate");
  }
  return OpensslPtr<X509>(certificate);
}

OpensslPtr<ASN1_TIME> MakeTime(absl::Time time) {
  return OpensslPtr<ASN1_TIME>(ASN1_TIME_set(nullptr, absl::ToTimeT(time)));
}

absl::StatusOr<absl::Time> ReadTime(const ASN1_TIME* time) {
  std::tm parts = {};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("a date cannot be read");
  }
  return absl::FromTM(parts, absl::UTCTimeZone());
}

std::string NameText(const X509_NAME* name) {
  const OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253);
  return Written(out.get());
}

std::string Sha256Text(std::string_view octets) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  size_t size = 0;
  EVP_Q_digest(Library(), "SHA256", nullptr, octets.data(), octets.size(), digest.data(), &size);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest.data()), size));
}

}  // namespace ddskey::ca
