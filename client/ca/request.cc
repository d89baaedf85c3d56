#include "client/ca/request.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "proto/contract/status_macros.h"

namespace ddskey::ca {
namespace {

constexpr size_t kLargest = size_t{16} * 1024;
constexpr int kMostAttributes = 16;
constexpr std::string_view kBegin = "-----BEGIN ";

absl::Status Wrong(const std::string& what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat("the certification request ", what));
}

// ReadDer returns what the only PEM block of `pem` holds.
absl::StatusOr<std::string> ReadDer(std::string_view pem) {
  if (pem.size() > kLargest) return Wrong("is larger than 16 KiB");
  const size_t begin = pem.find(kBegin);
  if (begin == std::string_view::npos) return Wrong("is no PEM document");
  if (pem.find(kBegin, begin + 1) != std::string_view::npos) return Wrong("must be alone in its document");
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* octets = nullptr;
  long size = 0;
  const OpensslPtr<BIO> in = Reader(pem);
  if (PEM_read_bio(in.get(), &label, &header, &octets, &size) != 1) return Wrong("is no PEM document");
  const std::string_view name(label);
  const bool plain = *header == '\0';
  const bool is_request = name == PEM_STRING_X509_REQ || name == PEM_STRING_X509_REQ_OLD;
  std::string der(reinterpret_cast<char*>(octets), static_cast<size_t>(size));
  OPENSSL_free(label);
  OPENSSL_free(header);
  OPENSSL_free(octets);
  if (!is_request || !plain) return Wrong("is no CERTIFICATE REQUEST");
  return der;
}

bool IsParticipantEcKey(const EVP_PKEY* key) {
  std::array<char, 32> group = {};
  std::array<char, 32> encoding = {};
  size_t size = 0;
  if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), &size) != 1 ||
      EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, encoding.data(), encoding.size(), &size) != 1) {
    return false;
  }
  const std::string_view name(group.data());
  return std::string_view(encoding.data()) == OSSL_PKEY_EC_ENCODING_GROUP &&
         (name == "prime256v1" || name == "secp384r1");
}

bool IsParticipantRsaKey(const EVP_PKEY* key) {
  BIGNUM* exponent = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1) return false;
  const OpensslPtr<BIGNUM> owned(exponent);
  const int bits = EVP_PKEY_get_bits(key);
  return bits >= 2048 && bits <= 4096 && BN_is_odd(exponent) == 1 && BN_num_bits(exponent) >= 17 &&
         BN_num_bits(exponent) <= 33;
}

absl::Status CheckKey(const EVP_PKEY* key) {
  if (key == nullptr) return Wrong("has a public key that cannot be read");
  const bool good = EVP_PKEY_is_a(key, "EC") == 1    ? IsParticipantEcKey(key)
                    : EVP_PKEY_is_a(key, "RSA") == 1 ? IsParticipantRsaKey(key)
                                                     : false;
  if (good) return absl::OkStatus();
  return Wrong(
      "has a key that participants do not have: EC on the named curves P-256 or P-384, or RSA of 2048 to 4096 "
      "bits");
}

// ValueOf is the value of an attribute in UTF-8; false if it is no text.
bool ValueOf(const X509_NAME_ENTRY* entry, std::string& value) {
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
  if (size < 0) return false;
  value.assign(reinterpret_cast<char*>(text), static_cast<size_t>(size));
  OPENSSL_free(text);
  return true;
}

absl::Status CheckSubject(const X509_NAME* subject) {
  const int count = X509_NAME_entry_count(subject);
  if (count < 1 || count > kMostAttributes) return Wrong("must have a subject of 1 to 16 attributes");
  for (int i = 0; i < count; ++i) {
    std::string value;
    if (!ValueOf(X509_NAME_get_entry(subject, i), value)) return Wrong("has a subject that is no text");
    bool printable = !value.empty();
    for (const unsigned char c : value) printable = printable && c >= ' ' && c != 0x7f;
    if (!printable) return Wrong("has a subject with an empty attribute or with control characters");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Request> Request::Parse(std::string_view pem) {
  ASSIGN_OR_RETURN(std::string der, ReadDer(pem));
  return ParseDer(std::move(der));
}

absl::StatusOr<Request> Request::ParseDer(std::string der) {
  if (der.size() > kLargest) return Wrong("is larger than 16 KiB");
  X509_REQ* empty = X509_REQ_new_ex(Library(), nullptr);
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  if (d2i_X509_REQ(&empty, &at, static_cast<long>(der.size())) == nullptr) return Wrong("cannot be read");
  OpensslPtr<X509_REQ> request(empty);
  if (at != reinterpret_cast<const unsigned char*>(der.data()) + der.size()) return Wrong("has octets after its end");
  if (X509_REQ_get_version(request.get()) != X509_REQ_VERSION_1) return Wrong("is of an unknown version");
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  RETURN_IF_ERROR(CheckKey(key));
  RETURN_IF_ERROR(CheckSubject(X509_REQ_get_subject_name(request.get())));
  if (X509_REQ_verify_ex(request.get(), key, Library(), nullptr) != 1) return Wrong("is not signed by its own key");
  return Request(std::move(request), std::move(der));
}

std::string Request::pem() const {
  const OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(out.get(), request_.get());
  return Written(out.get());
}

std::string Request::subject_text() const { return NameText(subject()); }

std::vector<std::pair<std::string, std::string>> Request::attributes() const {
  std::vector<std::pair<std::string, std::string>> attributes;
  for (int i = 0; i < X509_NAME_entry_count(subject()); ++i) {
    const X509_NAME_ENTRY* const entry = X509_NAME_get_entry(subject(), i);
    const ASN1_OBJECT* const type = X509_NAME_ENTRY_get_object(entry);
    const int number = OBJ_obj2nid(type);
    std::array<char, 80> dotted = {};
    if (number == NID_undef) OBJ_obj2txt(dotted.data(), dotted.size(), type, 1);
    std::string value;
    ValueOf(entry, value);
    attributes.emplace_back(number == NID_undef ? dotted.data() : OBJ_nid2sn(number), std::move(value));
  }
  return attributes;
}

const X509_NAME* Request::subject() const { return X509_REQ_get_subject_name(request_.get()); }

EVP_PKEY* Request::public_key() const { return X509_REQ_get0_pubkey(request_.get()); }

std::string Request::public_key_der() const {
  unsigned char* octets = nullptr;
  const int size = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request_.get()), &octets);
  if (size <= 0) return "";
  std::string der(reinterpret_cast<char*>(octets), static_cast<size_t>(size));
  OPENSSL_free(octets);
  return der;
}

}  // namespace ddskey::ca
