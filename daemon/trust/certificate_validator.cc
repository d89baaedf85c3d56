#include "daemon/trust/certificate_validator.h"

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/trust/key_rules.h"
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
  Verdict verdict = {.result = std::make_shared<const ValidCertificate>(chain->front(), std::move(path.warnings))};
  if (!path.unanswered.ok()) verdict.result = path.unanswered;
  if (!path.status.ok()) verdict.result = path.status;
  for (const absl::Time moment : trust.moments()) Narrow(moment, now, verdict);
  for (const Certificate& certificate : *chain) {
    Narrow(certificate.not_before(), now, verdict);
    Narrow(certificate.not_after(), now, verdict);
  }
  return verdict;
}

class CachingValidator : public CertificateValidator {
 public:
  absl::StatusOr<std::shared_ptr<const ValidCertificate>> Validate(std::string_view pem, const TrustStore& trust,
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
