#include "daemon/trust/usage_check.h"

#include <openssl/x509v3.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "daemon/trust/openssl.h"

namespace ddskey::trust {
namespace {

std::string Problem(const char* check, X509* certificate, const char* what) {
  return absl::StrCat(check, " the certificate of ", PrintableText(NameText(X509_get_subject_name(certificate))), " ",
                      what);
}

// AdmitsHandshakes is whether the extended key usage has one of those that fit, or is absent.
bool AdmitsHandshakes(X509* certificate) {
  constexpr uint32_t kFitting = XKU_SSL_CLIENT | XKU_SSL_SERVER | XKU_ANYEKU;
  return (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) == 0 ||
         (X509_get_extended_key_usage(certificate) & kFitting) != 0;
}

constexpr char kNotAdmitted[] = "is for none of clientAuth, serverAuth and anyExtendedKeyUsage (extendedKeyUsage)";

}  // namespace

std::optional<std::string> CheckParticipantUsage(X509* leaf) {
  // All bits are set if it has none.
  if ((X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0) {
    return Problem("[key_usage]", leaf, "is not for digital signatures (keyUsage)");
  }
  if (!AdmitsHandshakes(leaf)) return Problem("[extended_key_usage]", leaf, kNotAdmitted);
  return std::nullopt;
}

std::optional<std::string> CheckAuthorityUsage(X509* authority) {
  if ((X509_get_extension_flags(authority) & EXFLAG_KUSAGE) == 0) {
    return Problem("[key_usage]", authority, "is that of a CA and does not say what it is for (keyUsage)");
  }
  if (!AdmitsHandshakes(authority)) return Problem("[extended_key_usage]", authority, kNotAdmitted);
  return std::nullopt;
}

}  // namespace ddskey::trust
