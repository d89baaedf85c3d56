#include "daemon/backend/pkcs11/helper/signing.h"

#include <algorithm>
#include <array>

#include "daemon/backend/pkcs11/helper/ckr.h"
#include "proto/contract/status_macros.h"

namespace ddskey::pkcs11 {
namespace {

constexpr size_t kP256Raw = 64;
constexpr size_t kP384Raw = 96;
constexpr size_t kLargestSignature = 512;

std::string InputOf(SignatureScheme scheme, std::string_view digest) {
  // DigestInfo of RFC 8017 9.2, note 1.
  static const std::string kSha256("\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20", 19);
  static const std::string kSha384("\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30", 19);
  std::string input;
  if (FamilyOf(scheme) == SignatureFamily::kRsaPkcs1) input = UsesSha384(scheme) ? kSha384 : kSha256;
  return input.append(digest);
}

CK_MECHANISM_TYPE TypeOf(SignatureFamily family) {
  switch (family) {
    case SignatureFamily::kEcdsa:
      return CKM_ECDSA;
    case SignatureFamily::kRsaPss:
      return CKM_RSA_PKCS_PSS;
    case SignatureFamily::kRsaPkcs1:
      break;
  }
  return CKM_RSA_PKCS;
}

// A positive INTEGER, without octets that say nothing.
std::string DerInteger(std::string_view number) {
  number.remove_prefix(std::min(number.find_first_not_of('\0'), number.size() - 1));
  std::string integer = (static_cast<unsigned char>(number.front()) & 0x80) != 0 ? std::string(1, '\0') : "";
  integer.append(number);
  return std::string("\x02") + static_cast<char>(integer.size()) + integer;
}

}  // namespace

std::string EcdsaDer(std::string_view raw) {
  const std::string numbers = DerInteger(raw.substr(0, raw.size() / 2)) + DerInteger(raw.substr(raw.size() / 2));
  // Two numbers of up to 66 octets may need the long form of a length.
  std::string der = "\x30";
  if (numbers.size() >= 0x80) der += '\x81';
  return der + static_cast<char>(numbers.size()) + numbers;
}

absl::StatusOr<std::string> SignDigest(const CK_FUNCTION_LIST& functions, CK_SESSION_HANDLE session,
                                       CK_OBJECT_HANDLE key, SignatureScheme scheme, std::string_view digest) {
  CK_RSA_PKCS_PSS_PARAMS pss = {UsesSha384(scheme) ? CKM_SHA384 : CKM_SHA256,
                                UsesSha384(scheme) ? CKG_MGF1_SHA384 : CKG_MGF1_SHA256, DigestSize(scheme)};
  const SignatureFamily family = FamilyOf(scheme);
  CK_MECHANISM mechanism = {TypeOf(family), nullptr, 0};
  if (family == SignatureFamily::kRsaPss) mechanism = {CKM_RSA_PKCS_PSS, &pss, sizeof(pss)};
  RETURN_IF_ERROR(FromCkr(functions.C_SignInit(session, &mechanism, key), "beginning a signature in the token"));
  std::string input = InputOf(scheme, digest);
  std::array<unsigned char, kLargestSignature> octets;
  CK_ULONG size = octets.size();
  RETURN_IF_ERROR(FromCkr(
      functions.C_Sign(session, reinterpret_cast<CK_BYTE_PTR>(input.data()), input.size(), octets.data(), &size),
      "signing in the token"));
  if (size == 0 || size > octets.size()) {
    return absl::DataLossError("the PKCS#11 module returned a signature of a size that there is not");
  }
  const std::string_view signature(reinterpret_cast<const char*>(octets.data()), size);
  if (family != SignatureFamily::kEcdsa) return std::string(signature);
  if (size != kP256Raw && size != kP384Raw) {
    return absl::DataLossError("the PKCS#11 module returned an ECDSA signature of a size that there is not");
  }
  return EcdsaDer(signature);
}

}  // namespace ddskey::pkcs11
