#include "daemon/trust/openssl.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>

#include <algorithm>
#include <ctime>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace ddskey::trust {
namespace {

constexpr size_t kLongestText = 256;

OSSL_LIB_CTX* MakeLibrary() {
  // Before anything else can make OpenSSL read openssl.cnf, which may load engines and providers.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  OSSL_LIB_CTX* library = OSSL_LIB_CTX_new();
  OSSL_PROVIDER_load(library, "default");
  return library;
}

}  // namespace

OSSL_LIB_CTX* Library() {
  // Never freed: objects that were parsed in it may outlive every static.
  static OSSL_LIB_CTX* const library = MakeLibrary();
  return library;
}

std::string Sha256(std::string_view octets) {
  static EVP_MD* const sha256 = EVP_MD_fetch(Library(), "SHA256", nullptr);
  std::string digest(32, '\0');
  EVP_Digest(octets.data(), octets.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, sha256, nullptr);
  return digest;
}

absl::StatusOr<absl::Time> ReadTime(const ASN1_TIME* time) {
  std::tm fields = {};
  if (time == nullptr || ASN1_TIME_to_tm(time, &fields) != 1) {
    TakeError();
    return absl::InvalidArgumentError("a date is malformed");
  }
  return absl::FromTimeT(timegm(&fields));
}

std::string NumberText(const ASN1_INTEGER* number) {
  const OpensslPtr<BIGNUM> value(ASN1_INTEGER_to_BN(number, nullptr));
  char* const hex = value == nullptr ? nullptr : BN_bn2hex(value.get());
  if (hex == nullptr) return {};
  std::string text = absl::AsciiStrToLower(hex);
  OPENSSL_free(hex);
  const bool negative = text.front() == '-';
  text.erase(0, std::min(text.find_first_not_of(negative ? "-0" : "0"), text.size() - 1));
  return negative ? absl::StrCat("-", text) : text;
}

std::string NameText(const X509_NAME* name) {
  const OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : std::string();
}

std::string PrintableText(std::string_view text) {
  std::string printable;
  for (const char c : text.substr(0, kLongestText)) {
    if (absl::ascii_isprint(static_cast<unsigned char>(c))) {
      printable.push_back(c);
    } else {
      absl::StrAppendFormat(&printable, "\\x%02x", static_cast<unsigned char>(c));
    }
  }
  if (text.size() > kLongestText) printable += "...";
  return printable;
}

std::string TakeError() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? std::string() : std::string(reason);
}

}  // namespace ddskey::trust
