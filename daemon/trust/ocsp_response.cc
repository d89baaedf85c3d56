#include "daemon/trust/ocsp_response.h"

#include <openssl/objects.h>
#include <openssl/ocsp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/trust/key_rules.h"
#include "daemon/trust/openssl.h"
#include "daemon/trust/pem.h"
#include "daemon/trust/revocation_list.h"
#include "proto/contract/status_macros.h"

namespace ddskey {

using trust::Library;
using trust::OpensslPtr;

namespace {

struct OcspDelete {
  void operator()(OCSP_BASICRESP* p) const { OCSP_BASICRESP_free(p); }
  void operator()(OCSP_CERTID* p) const { OCSP_CERTID_free(p); }
  void operator()(OCSP_RESPONSE* p) const { OCSP_RESPONSE_free(p); }
  void operator()(RSA_PSS_PARAMS* p) const { RSA_PSS_PARAMS_free(p); }
  // Certificates in it are somebody else's.
  void operator()(STACK_OF(X509) * p) const { sk_X509_free(p); }
};

template <typename T>
using OcspPtr = std::unique_ptr<T, OcspDelete>;

// 112 bits of security, as for participants.
constexpr int kSecurityLevel = 2;

bool IsGoodHash(int hash) { return hash == NID_sha256 || hash == NID_sha384 || hash == NID_sha512; }

bool HasGoodHash(const X509_ALGOR* algorithm) {
  const ASN1_OBJECT* object = nullptr;
  int type = V_ASN1_UNDEF;
  const void* parameters = nullptr;
  X509_ALGOR_get0(&object, &type, &parameters, algorithm);
  const int signature = OBJ_obj2nid(object);
  int hash = NID_undef;
  if (signature != NID_rsassaPss) return OBJ_find_sigid_algs(signature, &hash, nullptr) == 1 && IsGoodHash(hash);
  if (type != V_ASN1_SEQUENCE) return false;
  const auto* const text = static_cast<const ASN1_STRING*>(parameters);
  const unsigned char* at = ASN1_STRING_get0_data(text);
  const OcspPtr<RSA_PSS_PARAMS> pss(d2i_RSA_PSS_PARAMS(nullptr, &at, ASN1_STRING_length(text)));
  // SHA-1 if it is not said (RFC 8017, A.2.3).
  if (pss == nullptr || pss->hashAlgorithm == nullptr) return false;
  X509_ALGOR_get0(&object, nullptr, nullptr, pss->hashAlgorithm);
  return IsGoodHash(OBJ_obj2nid(object));
}

absl::Status SaysNothing(std::string_view reason) {
  return absl::PermissionDeniedError(
      absl::StrCat("the OCSP response ", absl::string_view(reason.data(), reason.size())));
}

OcspPtr<STACK_OF(X509)> StackOf(X509* certificate) {
  OcspPtr<STACK_OF(X509)> stack(sk_X509_new_null());
  if (stack != nullptr) sk_X509_push(stack.get(), certificate);
  return stack;
}

// IsSignedBy says whether `signer` is the responder that the response names, and its signature verifies.
bool IsSignedBy(OCSP_BASICRESP* basic, X509* signer) {
  const OcspPtr<STACK_OF(X509)> signers = StackOf(signer);
  // Whether to trust the signer is decided here, under a clock and a library context that OpenSSL does not let us set.
  const bool good = OCSP_basic_verify(basic, signers.get(), nullptr, OCSP_NOINTERN | OCSP_TRUSTOTHER) == 1;
  trust::TakeError();
  return good;
}

// MayRespond says whether `certificate` was made for responding.
bool MayRespond(X509* certificate) {
  return (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0 &&
         (X509_get_extended_key_usage(certificate) & XKU_OCSP_SIGN) != 0 &&
         (X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) != 0;
}

// CheckResponder accepts a responder's certificate that `issuer` itself issued, and that is good now.
absl::Status CheckResponder(const Certificate& responder, const Certificate& issuer, const TrustStore& trust,
                            absl::Time now) {
  // The path of `issuer` was found good, and nobody else's word makes a responder of it.
  const OcspPtr<STACK_OF(X509)> trusted = StackOf(issuer.x509());
  const OpensslPtr<X509_STORE> nothing(X509_STORE_new());
  const OpensslPtr<X509_STORE_CTX> context(X509_STORE_CTX_new_ex(Library(), nullptr));
  if (context == nullptr || X509_STORE_CTX_init(context.get(), nothing.get(), responder.x509(), nullptr) != 1) {
    return absl::InternalError("cannot begin a path validation");
  }
  X509_STORE_CTX_set0_trusted_stack(context.get(), trusted.get());
  X509_VERIFY_PARAM* const options = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(options, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_auth_level(options, kSecurityLevel);
  X509_VERIFY_PARAM_set_time(options, absl::ToTimeT(now));
  if (X509_verify_cert(context.get()) != 1) {
    return SaysNothing(absl::StrCat("is signed by a responder whose certificate is not good: ",
                                    X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()))));
  }
  if (X509_get_ext_by_NID(responder.x509(), NID_id_pkix_OCSP_noCheck, -1) >= 0) return absl::OkStatus();
  for (const RevocationList& list : trust.revocation_lists()) {
    if (list.Revokes(responder.x509()) && list.IsSignedBy(issuer.x509())) {
      return SaysNothing("is signed by a responder whose certificate is revoked");
    }
  }
  return absl::OkStatus();
}

// CheckSignature returns until when the signature counts.
absl::StatusOr<absl::Time> CheckSignature(OCSP_BASICRESP* basic, const Certificate& issuer, const TrustStore& trust,
                                          absl::Time now) {
  if (IsSignedBy(basic, issuer.x509())) return absl::InfiniteFuture();
  X509* named = nullptr;
  const bool found = OCSP_resp_get0_signer(basic, &named, nullptr) == 1;
  trust::TakeError();
  if (!found) return SaysNothing("is neither signed by the certificate's CA nor brings its responder's certificate");
  // Parsed again, in the library context of everything that came from outside.
  const auto parsed = Certificate::ParsePem(trust::WritePem("CERTIFICATE", trust::Der(named, i2d_X509)));
  if (!parsed.ok()) return SaysNothing("is signed by a responder whose certificate is malformed");
  const Certificate& responder = parsed->front();
  if (!trust::CheckAuthorityKey(responder).ok()) return SaysNothing("is signed by a responder with a weak key");
  if (!MayRespond(responder.x509())) {
    return SaysNothing("is signed with a certificate that was not made for it (id-kp-OCSPSigning)");
  }
  const absl::Status good = CheckResponder(responder, issuer, trust, now);
  trust::TakeError();
  RETURN_IF_ERROR(good);
  if (!IsSignedBy(basic, responder.x509())) return SaysNothing("has a signature that does not verify");
  return responder.not_after();
}

// IsAbout says whether `id` names `leaf` and its issuer, by whichever hash the responder chose.
bool IsAbout(const OCSP_CERTID* id, const Certificate& leaf, const Certificate& issuer) {
  ASN1_OBJECT* hash = nullptr;
  OCSP_id_get0_info(nullptr, &hash, nullptr, nullptr, const_cast<OCSP_CERTID*>(id));
  const int name = OBJ_obj2nid(hash);
  // SHA-1 is what every client asks with; it finds a certificate here and protects nothing.
  if (name != NID_sha1 && !IsGoodHash(name)) return false;
  const OcspPtr<OCSP_CERTID> expected(OCSP_cert_to_id(EVP_get_digestbynid(name), leaf.x509(), issuer.x509()));
  return expected != nullptr && OCSP_id_cmp(expected.get(), id) == 0;
}

// ReadSingle reads a statement; nothing if it is not current.
std::optional<CertificateStatus> ReadSingle(OCSP_SINGLERESP* single, absl::Time now) {
  ASN1_GENERALIZEDTIME* revoked = nullptr;
  ASN1_GENERALIZEDTIME* this_update = nullptr;
  ASN1_GENERALIZEDTIME* next_update = nullptr;
  const int kind = OCSP_single_get0_status(single, nullptr, &revoked, &this_update, &next_update);
  const auto from = trust::ReadTime(this_update);
  const auto until = trust::ReadTime(next_update);
  if (!from.ok() || !until.ok() || *from > now + OcspResponse::kSkew || now >= *until) return std::nullopt;
  CertificateStatus status = {.this_update = *from, .next_update = *until, .revoked = absl::InfiniteFuture()};
  if (kind == V_OCSP_CERTSTATUS_GOOD) status.kind = CertificateStatus::Kind::kGood;
  if (kind == V_OCSP_CERTSTATUS_REVOKED) {
    status.kind = CertificateStatus::Kind::kRevoked;
    status.revoked = trust::ReadTime(revoked).value_or(*from);
  }
  return status;
}

bool CountsMore(const CertificateStatus& status, const CertificateStatus& than) {
  const bool revoked = status.kind == CertificateStatus::Kind::kRevoked;
  if (revoked != (than.kind == CertificateStatus::Kind::kRevoked)) return revoked;
  return status.this_update > than.this_update;
}

}  // namespace

struct OcspResponse::Parsed {
  OcspPtr<OCSP_BASICRESP> basic;
  absl::Time this_update = absl::InfinitePast();
  absl::Time next_update = absl::InfiniteFuture();
};

OcspResponse::OcspResponse(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}

absl::StatusOr<OcspResponse> OcspResponse::Parse(std::string_view der) {
  if (der.size() > kLargest) {
    return absl::InvalidArgumentError(absl::StrCat("the OCSP response is larger than ", kLargest, " octets"));
  }
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* const end = at + der.size();
  const OcspPtr<OCSP_RESPONSE> response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  std::string reason = trust::TakeError();
  if (response == nullptr) return absl::InvalidArgumentError(absl::StrCat("the OCSP response is malformed: ", reason));
  if (at != end) return absl::InvalidArgumentError("the OCSP response is followed by octets that do not belong to it");
  if (const int status = OCSP_response_status(response.get()); status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return absl::InvalidArgumentError(
        absl::StrCat("the OCSP responder reported an error: ", OCSP_response_status_str(status)));
  }
  auto parsed = std::make_shared<Parsed>();
  parsed->basic.reset(OCSP_response_get1_basic(response.get()));
  reason = trust::TakeError();
  OCSP_BASICRESP* const basic = parsed->basic.get();
  if (basic == nullptr) return absl::InvalidArgumentError(absl::StrCat("the OCSP response is malformed: ", reason));
  const bool good_hash = HasGoodHash(OCSP_resp_get0_tbs_sigalg(basic));
  trust::TakeError();
  if (!good_hash) return absl::InvalidArgumentError("the OCSP response is signed with a weak hash");
  bool critical = OCSP_BASICRESP_get_ext_by_critical(basic, 1, -1) >= 0;
  for (int i = 0; i < OCSP_resp_count(basic); ++i) {
    OCSP_SINGLERESP* const single = OCSP_resp_get0(basic, i);
    critical = critical || OCSP_SINGLERESP_get_ext_by_critical(single, 1, -1) >= 0;
    ASN1_GENERALIZEDTIME* this_update = nullptr;
    ASN1_GENERALIZEDTIME* next_update = nullptr;
    OCSP_single_get0_status(single, nullptr, nullptr, &this_update, &next_update);
    parsed->this_update = std::max(parsed->this_update, trust::ReadTime(this_update).value_or(absl::InfinitePast()));
    parsed->next_update = std::min(parsed->next_update, trust::ReadTime(next_update).value_or(absl::InfinitePast()));
  }
  if (critical) return absl::InvalidArgumentError("the OCSP response has a critical extension");
  return OcspResponse(std::move(parsed));
}

absl::Time OcspResponse::this_update() const { return parsed_->this_update; }
absl::Time OcspResponse::next_update() const { return parsed_->next_update; }

absl::StatusOr<CertificateStatus> OcspResponse::StatusOf(const Certificate& leaf, const Certificate& issuer,
                                                         const TrustStore& trust, absl::Time now) const {
  OCSP_BASICRESP* const basic = parsed_->basic.get();
  std::optional<CertificateStatus> status;
  bool is_about = false;
  for (int i = 0; i < OCSP_resp_count(basic); ++i) {
    OCSP_SINGLERESP* const single = OCSP_resp_get0(basic, i);
    if (!IsAbout(OCSP_SINGLERESP_get0_id(single), leaf, issuer)) continue;
    is_about = true;
    const auto read = ReadSingle(single, now);
    if (read.has_value() && (!status.has_value() || CountsMore(*read, *status))) status = read;
  }
  trust::TakeError();
  if (!is_about) return SaysNothing("is not about this certificate");
  if (!status.has_value()) return SaysNothing("is not current");
  ASSIGN_OR_RETURN(const absl::Time until, CheckSignature(basic, issuer, trust, now));
  status->next_update = std::min(status->next_update, until);
  return *status;
}

}  // namespace ddskey
