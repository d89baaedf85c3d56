#include "daemon/trust/certification_request.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "absl/strings/str_cat.h"
#include "daemon/trust/openssl.h"
#include "daemon/trust/pem.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

using trust::Library;
using trust::OpensslPtr;

constexpr size_t kMostAttributes = 16;
constexpr size_t kLongestValue = 64;

struct NamedNumber {
  std::string_view name;
  int number;
};

constexpr NamedNumber kAttributes[] = {
    {"C", NID_countryName},
    {"ST", NID_stateOrProvinceName},
    {"L", NID_localityName},
    {"O", NID_organizationName},
    {"OU", NID_organizationalUnitName},
    {"CN", NID_commonName},
    {"serialNumber", NID_serialNumber},
    {"emailAddress", NID_pkcs9_emailAddress},
    {"DC", NID_domainComponent},
    {"UID", NID_userId},
};

// Bits of KeyUsage (RFC 5280 4.2.1.3) that an end entity may ask for.
constexpr NamedNumber kKeyUsages[] = {
    {"digitalSignature", 0}, {"nonRepudiation", 1}, {"keyEncipherment", 2},
    {"dataEncipherment", 3}, {"keyAgreement", 4},
};

template <size_t N>
std::optional<int> NumberOf(const NamedNumber (&table)[N], std::string_view name) {
  const auto* entry =
      std::find_if(std::begin(table), std::end(table), [name](const auto& e) { return e.name == name; });
  return entry == std::end(table) ? std::nullopt : std::optional<int>(entry->number);
}

// CountCharacters returns the number of characters of UTF-8 text, or nothing if it is malformed or has control ones.
std::optional<size_t> CountCharacters(std::string_view text) {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  size_t left = text.size();
  size_t count = 0;
  while (left > 0) {
    unsigned long character = 0;
    const int used = UTF8_getc(at, static_cast<int>(std::min(left, size_t{8})), &character);
    if (used <= 0 || character < 0x20 || (character >= 0x7f && character < 0xa0)) return std::nullopt;
    at += used;
    left -= static_cast<size_t>(used);
    ++count;
  }
  return count;
}

absl::Status SetSubject(X509_REQ* request, const std::vector<std::pair<std::string, std::string>>& subject) {
  if (subject.empty() || subject.size() > kMostAttributes) {
    return absl::InvalidArgumentError(absl::StrCat("a subject needs 1 to ", kMostAttributes, " attributes"));
  }
  for (const auto& [type, value] : subject) {
    const std::optional<int> number = NumberOf(kAttributes, type);
    if (!number.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown subject attribute \"", trust::PrintableText(type),
                       "\"; known are C, ST, L, O, OU, CN, serialNumber, emailAddress, DC, UID"));
    }
    const size_t characters = CountCharacters(value).value_or(0);
    // The table of OpenSSL knows which characters and lengths X.520 lets each attribute have.
    if (characters == 0 || characters > kLongestValue ||
        X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request), *number, MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(value.data()), static_cast<int>(value.size()),
                                   -1, 0) != 1) {
      const std::string reason = trust::TakeError();
      return absl::InvalidArgumentError(absl::StrCat("the value of subject attribute ", type, " must be 1 to ",
                                                     kLongestValue, " printable characters that this attribute allows",
                                                     reason.empty() ? "" : ": ", reason));
    }
  }
  return absl::OkStatus();
}

absl::Status SetKeyUsage(X509_REQ* request, const std::vector<std::string>& key_usage) {
  const std::unique_ptr<ASN1_BIT_STRING, decltype(&ASN1_BIT_STRING_free)> bits(ASN1_BIT_STRING_new(),
                                                                               ASN1_BIT_STRING_free);
  if (key_usage.empty()) ASN1_BIT_STRING_set_bit(bits.get(), 0, 1);
  for (const std::string& name : key_usage) {
    const std::optional<int> bit = NumberOf(kKeyUsages, name);
    if (!bit.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown key usage \"", trust::PrintableText(name),
                       "\"; known are digitalSignature, nonRepudiation, keyEncipherment, dataEncipherment, "
                       "keyAgreement"));
    }
    ASN1_BIT_STRING_set_bit(bits.get(), *bit, 1);
  }
  STACK_OF(X509_EXTENSION)* extensions = nullptr;
  const bool added = X509V3_add1_i2d(&extensions, NID_key_usage, bits.get(), /*crit=*/1, X509V3_ADD_DEFAULT) == 1 &&
                     X509_REQ_add_extensions(request, extensions) == 1;
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  return added ? absl::OkStatus() : absl::InternalError("cannot add the key usage to a certification request");
}

// Element is a DER element with definite length (X.690 8.1.3).
std::string Element(char tag, std::string_view content) {
  std::string element(1, tag);
  if (content.size() < 0x80) {
    element.push_back(static_cast<char>(content.size()));
  } else {
    std::string length;
    for (size_t rest = content.size(); rest > 0; rest >>= 8) length.insert(length.begin(), static_cast<char>(rest));
    element.push_back(static_cast<char>(0x80 | length.size()));
    element += length;
  }
  return element.append(content);
}

// SignatureAlgorithm is the DER AlgorithmIdentifier of what signs a request with a key of `algorithm`.
std::string SignatureAlgorithm(KeyAlgorithm algorithm) {
  using std::string_literals::operator""s;
  // ecdsa-with-SHA256, without parameters (RFC 5758 3.2).
  if (!IsRsa(algorithm)) return "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"s;
  // sha256WithRSAEncryption, with NULL parameters (RFC 4055 5).
  return "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00"s;
}

bool IsOf(EVP_PKEY* key, KeyAlgorithm algorithm) {
  if (IsRsa(algorithm)) return EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) == KeyBits(algorithm);
  int is_explicit = 1;
  char group[64] = {};
  return EVP_PKEY_is_a(key, "EC") &&
         EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) == 1 &&
         is_explicit == 0 && EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) == 1 &&
         group == CurveName(algorithm);
}

OpensslPtr<EVP_PKEY> ReadPublicKey(KeyAlgorithm algorithm, std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* const end = at + der.size();
  OpensslPtr<EVP_PKEY> key(d2i_PUBKEY_ex(nullptr, &at, static_cast<long>(der.size()), Library(), nullptr));
  if (key == nullptr || at != end || !IsOf(key.get(), algorithm)) key.reset();
  trust::TakeError();
  return key;
}

// Complete adds everything but the subject, and returns the octets to be signed.
absl::StatusOr<std::string> Complete(X509_REQ* request, KeyAlgorithm algorithm, std::string_view public_key,
                                     const std::vector<std::string>& key_usage) {
  const OpensslPtr<EVP_PKEY> key = ReadPublicKey(algorithm, public_key);
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the public key is not one of ", std::string(AlgorithmName(algorithm))));
  }
  if (X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 || X509_REQ_set_pubkey(request, key.get()) != 1) {
    return absl::InternalError("cannot set the public key of a certification request");
  }
  RETURN_IF_ERROR(SetKeyUsage(request, key_usage));
  unsigned char* der = nullptr;
  const int size = i2d_re_X509_REQ_tbs(request, &der);
  if (size <= 0) return absl::InternalError("cannot encode a certification request");
  std::string to_be_signed(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return to_be_signed;
}

}  // namespace

absl::StatusOr<CertificationRequest> CertificationRequest::Build(
    KeyAlgorithm algorithm, std::string_view public_key,
    const std::vector<std::pair<std::string, std::string>>& subject, const std::vector<std::string>& key_usage) {
  const OpensslPtr<X509_REQ> request(X509_REQ_new_ex(Library(), nullptr));
  RETURN_IF_ERROR(SetSubject(request.get(), subject));
  ASSIGN_OR_RETURN(std::string octets, Complete(request.get(), algorithm, public_key, key_usage));
  return CertificationRequest(algorithm, std::move(octets));
}

absl::StatusOr<CertificationRequest> CertificationRequest::BuildFor(KeyAlgorithm algorithm, std::string_view public_key,
                                                                    std::string_view subject_der,
                                                                    const std::vector<std::string>& key_usage) {
  const auto* at = reinterpret_cast<const unsigned char*>(subject_der.data());
  const auto* const end = at + subject_der.size();
  const std::unique_ptr<X509_NAME, decltype(&X509_NAME_free)> subject(
      d2i_X509_NAME(nullptr, &at, static_cast<long>(subject_der.size())), X509_NAME_free);
  const OpensslPtr<X509_REQ> request(X509_REQ_new_ex(Library(), nullptr));
  const bool is_set = subject != nullptr && at == end && X509_REQ_set_subject_name(request.get(), subject.get()) == 1;
  trust::TakeError();
  if (!is_set) return absl::InvalidArgumentError("the subject is not the DER of a name");
  ASSIGN_OR_RETURN(std::string octets, Complete(request.get(), algorithm, public_key, key_usage));
  return CertificationRequest(algorithm, std::move(octets));
}

absl::StatusOr<std::string> CertificationRequest::Finish(std::string_view signature) const {
  // A BIT STRING begins with the number of its unused bits.
  const std::string bits = Element('\x03', absl::StrCat(std::string(1, '\0'), std::string(signature)));
  const std::string der = Element('\x30', absl::StrCat(to_be_signed_, SignatureAlgorithm(algorithm_), bits));
  X509_REQ* parsed = X509_REQ_new_ex(Library(), nullptr);
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  // On failure d2i_X509_REQ frees what it was given.
  const OpensslPtr<X509_REQ> request(d2i_X509_REQ(&parsed, &at, static_cast<long>(der.size())));
  const bool good = request != nullptr &&
                    X509_REQ_verify_ex(request.get(), X509_REQ_get0_pubkey(request.get()), Library(), nullptr) == 1;
  trust::TakeError();
  if (!good) return absl::InternalError("the signature of a certification request does not verify with its key");
  return trust::WritePem("CERTIFICATE REQUEST", der);
}

}  // namespace ddskey
