#include "daemon/trust/certificate_validator.h"

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/trust/key_rules.h"
#include "daemon/trust/openssl.h"
#include "daemon/trust/validation_cache.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

using trust::Library;
using trust::OpensslPtr;
using trust::Verdict;

constexpr size_t kLargestDocument = 16 * 1024;
constexpr size_t kMostCertificates = 10;
// CAs between the leaf and its anchor.
constexpr int kMostIntermediates = 9;
// 112 bits of security: nothing on a path is signed with SHA-1 or below RSA-2048.
constexpr int kSecurityLevel = 2;
// Verdicts kept, of all callers and of one user.
constexpr size_t kCacheCapacity = 2048;
constexpr size_t kCacheShare = 1024;

bool IsAboutLists(int error) {
  switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
      return true;
    default:
      return false;
  }
}

const char* CheckName(int error) {
  switch (error) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "[not_yet_valid]";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "[expired]";
    case X509_V_ERR_CERT_REVOKED:
      return "[revoked]";
    default:
      return IsAboutLists(error) ? "[revoked]" : "[issuer]";
  }
}

// OnError is called by OpenSSL for each check that failed; 1 lets the path pass on.
int OnError(int ok, X509_STORE_CTX* context) {
  const int error = X509_STORE_CTX_get_error(context);
  if (ok == 1 || !IsAboutLists(error)) return ok;
  const auto* trust = static_cast<const TrustStore*>(X509_STORE_CTX_get_app_data(context));
  // OpenSSL takes an anchor that is not self-signed for the issuer of the CRL that covers it. The trust store has
  // checked the CRL, and whether it revokes the anchor.
  const bool at_anchor = X509_STORE_CTX_get_error_depth(context) + 1 == sk_X509_num(X509_STORE_CTX_get0_chain(context));
  const bool uncovered = error == X509_V_ERR_UNABLE_TO_GET_CRL &&
                         !trust->HasListOf(X509_get_issuer_name(X509_STORE_CTX_get_current_cert(context)));
  if (!at_anchor && !uncovered) return 0;
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return 1;
}

absl::Status RefusePath(X509_STORE_CTX* context, const Certificate& leaf) {
  const int error = X509_STORE_CTX_get_error(context);
  if (error == X509_V_ERR_OUT_OF_MEM || error == X509_V_ERR_UNSPECIFIED) {
    return absl::InternalError("cannot make a path validation");
  }
  const X509* const at = X509_STORE_CTX_get_current_cert(context);
  std::string where;
  if (at != nullptr && X509_cmp(at, leaf.x509()) != 0) {
    where = absl::StrCat(" (at ", trust::PrintableText(trust::NameText(X509_get_subject_name(at))), ")");
  }
  return absl::PermissionDeniedError(absl::StrCat(
      CheckName(error), " the certificate of ", trust::PrintableText(leaf.subject()), ", issued by ",
      trust::PrintableText(leaf.issuer()), ", is not accepted: ", X509_verify_cert_error_string(error), where));
}

// CheckPath looks for a good path from the first of `chain` to an anchor.
absl::Status CheckPath(const std::vector<Certificate>& chain, const TrustStore& trust, absl::Time now) {
  const Certificate& leaf = chain.front();
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> others(
      sk_X509_new_null(), [](STACK_OF(X509) * stack) { sk_X509_free(stack); });
  for (size_t i = 1; i < chain.size(); ++i) sk_X509_push(others.get(), chain[i].x509());
  const OpensslPtr<X509_STORE_CTX> context(X509_STORE_CTX_new_ex(Library(), nullptr));
  if (X509_STORE_CTX_init(context.get(), trust.store(), leaf.x509(), others.get()) != 1) {
    return absl::InternalError("cannot begin a path validation");
  }
  X509_VERIFY_PARAM* const options = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(options, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  X509_VERIFY_PARAM_set_depth(options, kMostIntermediates);
  X509_VERIFY_PARAM_set_auth_level(options, kSecurityLevel);
  X509_VERIFY_PARAM_set_time(options, absl::ToTimeT(now));
  X509_STORE_CTX_set_app_data(context.get(), const_cast<TrustStore*>(&trust));
  X509_STORE_CTX_set_verify_cb(context.get(), OnError);
  if (X509_verify_cert(context.get()) != 1) return RefusePath(context.get(), leaf);

  const STACK_OF(X509)* const path = X509_STORE_CTX_get0_chain(context.get());
  const int length = sk_X509_num(path);
  for (int i = 1; i + 1 < length; ++i) {
    // OpenSSL also takes keyUsage for a word about being a CA; a peer's intermediate must say it outright.
    if (X509_check_ca(sk_X509_value(path, i)) != 1) {
      X509_STORE_CTX_set_current_cert(context.get(), sk_X509_value(path, i));
      X509_STORE_CTX_set_error(context.get(), X509_V_ERR_INVALID_CA);
      return RefusePath(context.get(), leaf);
    }
  }
  X509* const anchor = sk_X509_value(path, length - 1);
  if (trust.IsRevokedAnchor(anchor)) {
    X509_STORE_CTX_set_current_cert(context.get(), anchor);
    X509_STORE_CTX_set_error(context.get(), X509_V_ERR_CERT_REVOKED);
    return RefusePath(context.get(), leaf);
  }
  return absl::OkStatus();
}

absl::Status CheckChain(const std::vector<Certificate>& chain, const TrustStore& trust, absl::Time now) {
  const Certificate& leaf = chain.front();
  for (const Certificate& certificate : chain) {
    const absl::Status good =
        &certificate == &leaf ? trust::CheckParticipantKey(certificate) : trust::CheckAuthorityKey(certificate);
    if (!good.ok()) return absl::InvalidArgumentError(absl::StrCat("[key_type] ", good.message()));
  }
  const auto refuse = [&leaf](const char* check, const char* what, absl::Time when) {
    return absl::PermissionDeniedError(absl::StrCat(check, " the certificate of ", trust::PrintableText(leaf.subject()),
                                                    what,
                                                    absl::FormatTime(absl::RFC3339_sec, when, absl::UTCTimeZone())));
  };
  if (now < leaf.not_before()) return refuse("[not_yet_valid]", " is not valid before ", leaf.not_before());
  if (now >= leaf.not_after()) return refuse("[expired]", " expired at ", leaf.not_after());
  return CheckPath(chain, trust, now);
}

// Narrow limits the time in which a verdict of `now` holds to before and after `moment`.
void Narrow(absl::Time moment, absl::Time now, Verdict& verdict) {
  if (moment <= now) {
    verdict.from = std::max(verdict.from, moment);
  } else {
    verdict.until = std::min(verdict.until, moment);
  }
}

Verdict Judge(std::string_view pem, const TrustStore& trust, absl::Time now) {
  auto chain = Certificate::ParsePem(pem);
  absl::Status good = chain.status();
  if (good.ok() && chain->size() > kMostCertificates) {
    good = absl::InvalidArgumentError(absl::StrCat("there are more than ", kMostCertificates, " certificates"));
  }
  if (!good.ok()) {
    return {.result = absl::InvalidArgumentError(absl::StrCat("[certificate_format] ", good.message()))};
  }
  Verdict verdict = {.result = std::make_shared<const Certificate>(chain->front())};
  good = CheckChain(*chain, trust, now);
  trust::TakeError();
  if (!good.ok()) verdict.result = good;
  for (const absl::Time moment : trust.moments()) Narrow(moment, now, verdict);
  for (const Certificate& certificate : *chain) {
    Narrow(certificate.not_before(), now, verdict);
    Narrow(certificate.not_after(), now, verdict);
  }
  return verdict;
}

class CachingValidator : public CertificateValidator {
 public:
  absl::StatusOr<std::shared_ptr<const Certificate>> Validate(std::string_view pem, const TrustStore& trust,
                                                              absl::Time now, uint32_t account) override {
    if (pem.size() > kLargestDocument) {
      return absl::InvalidArgumentError(
          absl::StrCat("[certificate_format] the document is larger than ", kLargestDocument, " octets"));
    }
    const std::string key = trust.digest() + trust::Sha256(pem);
    if (auto found = good_.Find(key, now)) return *std::move(found);
    if (auto found = bad_.Find(key, now)) return *std::move(found);
    validations_.fetch_add(1, std::memory_order_relaxed);
    Verdict verdict = Judge(pem, trust, now);
    auto result = verdict.result;
    // That there was no memory just now is no verdict.
    if (!absl::IsInternal(result.status())) (result.ok() ? good_ : bad_).Put(key, account, std::move(verdict));
    return result;
  }

  uint64_t validations() const override { return validations_.load(std::memory_order_relaxed); }

 private:
  // Apart, so that strangers with bad certificates cannot push out the good ones.
  trust::ValidationCache good_{kCacheCapacity, kCacheShare};
  trust::ValidationCache bad_{kCacheCapacity, kCacheShare};
  std::atomic<uint64_t> validations_ = 0;
};

}  // namespace

std::unique_ptr<CertificateValidator> CertificateValidator::Create() { return std::make_unique<CachingValidator>(); }

}  // namespace ddskey
