#include "daemon/trust/certificate_validator.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/trust/key_rules.h"
#include "daemon/trust/ocsp_response.h"
#include "daemon/trust/openssl.h"
#include "daemon/trust/path_check.h"
#include "daemon/trust/validation_cache.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

using trust::Verdict;

constexpr size_t kLargestDocument = 16 * 1024;
constexpr size_t kMostCertificates = 10;
// Verdicts kept, of all callers and of one user.
constexpr size_t kCacheCapacity = 2048;
constexpr size_t kCacheShare = 1024;

// CheckLeaf is about what can be said without a path.
absl::Status CheckLeaf(const std::vector<Certificate>& chain, absl::Time now) {
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
  return absl::OkStatus();
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
  trust::PathResult path = {.status = CheckLeaf(*chain, now), .unanswered = {}, .issuer = {}, .warnings = {}};
  if (path.status.ok()) path = trust::CheckPath(*chain, trust, now);
  trust::TakeError();
  const auto leaf = std::make_shared<const ValidCertificate>(chain->front(), std::move(path.warnings));
  Verdict verdict = {.result = leaf};
  if (path.status.ok() && path.issuer.has_value()) {
    verdict.issuer = std::make_shared<const Certificate>(*path.issuer);
    verdict.answered = leaf;
  }
  if (!path.unanswered.ok()) verdict.result = path.unanswered;
  if (!path.status.ok()) verdict.result = path.status;
  for (const absl::Time moment : trust.moments()) Narrow(moment, now, verdict);
  for (const Certificate& certificate : *chain) {
    Narrow(certificate.not_before(), now, verdict);
    Narrow(certificate.not_after(), now, verdict);
  }
  return verdict;
}

// WithStatus is the verdict `before` after what came as an OCSP response about the leaf.
Verdict WithStatus(const Verdict& before, std::string_view ocsp_response, const TrustStore& trust, absl::Time now) {
  const auto response = OcspResponse::Parse(ocsp_response);
  const auto status =
      response.ok() ? response->StatusOf(*before.answered, *before.issuer, trust, now) : response.status();
  Verdict verdict = before;
  if (!status.ok() || status->kind == CertificateStatus::Kind::kUnknown) {
    if (before.result.ok()) return verdict;
    verdict.result = absl::Status(
        before.result.status().code(),
        absl::StrCat(before.result.status().message(), "; ",
                     status.ok() ? "its OCSP responder does not know the certificate" : status.status().message()));
    return verdict;
  }
  verdict.status = *status;
  verdict.status = *status;
  verdict.from = std::max(verdict.from, status->this_update - OcspResponse::kSkew);
  verdict.until = std::min(verdict.until, status->next_update);
  if (status->kind == CertificateStatus::Kind::kGood) {
    verdict.result = before.answered;
  } else {
    verdict.result = absl::PermissionDeniedError(absl::StrCat(
        "[ocsp_revoked] the certificate of ", trust::PrintableText(before.answered->subject()), ", issued by ",
        trust::PrintableText(before.answered->issuer()), ", is revoked since ",
        absl::FormatTime(absl::RFC3339_sec, status->revoked, absl::UTCTimeZone()), ", as its OCSP responder says"));
  }
  return verdict;
}

class CachingValidator : public CertificateValidator {
 public:
  absl::StatusOr<std::shared_ptr<const ValidCertificate>> Validate(std::string_view pem, const TrustStore& trust,
                                                                   absl::Time now, uint32_t account,
                                                                   std::string_view ocsp_response,
                                                                   absl::Time shown) override {
    if (pem.size() > kLargestDocument) return TooLarge();
    const std::string key = trust.digest() + trust::Sha256(pem);
    const Verdict verdict = Find(key, pem, trust, now, account);
    if (ocsp_response.empty() || verdict.issuer == nullptr) return verdict.result;
    return Answer(key, verdict, ocsp_response, trust, now, account, shown).result;
  }

  absl::StatusOr<CertificateStatus> StatusOf(std::string_view pem, const TrustStore& trust, absl::Time now,
                                             uint32_t account, std::string_view ocsp_response) override {
    if (pem.size() > kLargestDocument) return TooLarge();
    const std::string key = trust.digest() + trust::Sha256(pem);
    const Verdict verdict = Find(key, pem, trust, now, account);
    if (verdict.issuer == nullptr) {
      if (!verdict.result.ok()) return verdict.result.status();
      return absl::PermissionDeniedError("the certificate is an anchor itself: nobody can speak for it");
    }
    const Verdict answered = Answer(key, verdict, ocsp_response, trust, now, account);
    if (answered.status.has_value()) return *answered.status;
    // To say why not.
    ASSIGN_OR_RETURN(const OcspResponse response, OcspResponse::Parse(ocsp_response));
    return response.StatusOf(*verdict.answered, *verdict.issuer, trust, now);
  }

  uint64_t validations() const override { return validations_.load(std::memory_order_relaxed); }

 private:
  static absl::Status TooLarge() {
    return absl::InvalidArgumentError(
        absl::StrCat("[certificate_format] the document is larger than ", kLargestDocument, " octets"));
  }

  // Find returns what is known of the document, or makes it known.
  Verdict Find(const std::string& key, std::string_view pem, const TrustStore& trust, absl::Time now,
               uint32_t account) {
    if (auto found = good_.Find(key, now)) return *std::move(found);
    if (auto found = bad_.Find(key, now)) return *std::move(found);
    validations_.fetch_add(1, std::memory_order_relaxed);
    Verdict verdict = Judge(pem, trust, now);
    // That there was no memory just now is no verdict.
    if (!absl::IsInternal(verdict.result.status())) (verdict.result.ok() ? good_ : bad_).Put(key, account, verdict);
    return verdict;
  }

  // Answer is `verdict`, which has an issuer, after what came as its OCSP response.
  Verdict Answer(const std::string& key, const Verdict& verdict, std::string_view ocsp_response,
                 const TrustStore& trust, absl::Time now, uint32_t account, absl::Time shown = absl::InfiniteFuture()) {
    const bool past = shown < now;
    const std::string status_key =
        absl::StrCat(key, trust::Sha256(ocsp_response), past ? absl::ToUnixSeconds(shown) : 0);
    if (auto found = answered_.Find(status_key, now)) return *std::move(found);
    Verdict answered = WithStatus(verdict, ocsp_response, trust, std::min(now, shown));
    if (past) {
      answered.from = verdict.from;
      answered.until = verdict.until;
    }
    // What nobody has signed is not kept: there is no end of it.
    if (answered.status.has_value()) answered_.Put(status_key, account, answered);
    return answered;
  }

  // Apart, so that strangers with bad certificates cannot push out the good ones.
  trust::ValidationCache good_{kCacheCapacity, kCacheShare};
  trust::ValidationCache bad_{kCacheCapacity, kCacheShare};
  // With the word of a responder.
  trust::ValidationCache answered_{kCacheCapacity, kCacheShare};
  std::atomic<uint64_t> validations_ = 0;
};

}  // namespace

std::unique_ptr<CertificateValidator> CertificateValidator::Create() { return std::make_unique<CachingValidator>(); }

}  // namespace ddskey
