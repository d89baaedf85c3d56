#include "daemon/trust/list_scope.h"

#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <utility>

#include "daemon/trust/openssl.h"

namespace ddskey::trust {
namespace {

using GeneralNames = STACK_OF(GENERAL_NAME);

// Kind of a DIST_POINT_NAME whose name is relative to that of the issuer; the other kind is a list of whole names.
constexpr int kRelative = 1;

// HasName is whether one of `names` is the directory name `name`.
bool HasName(const GeneralNames* names, const X509_NAME* name) {
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* const each = sk_GENERAL_NAME_value(names, i);
    if (each->type == GEN_DIRNAME && X509_NAME_cmp(each->d.directoryName, name) == 0) return true;
  }
  return false;
}

bool HaveOneInCommon(const GeneralNames* a, const GeneralNames* b) {
  for (int i = 0; i < sk_GENERAL_NAME_num(a); ++i) {
    for (int j = 0; j < sk_GENERAL_NAME_num(b); ++j) {
      if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(a, i), sk_GENERAL_NAME_value(b, j)) == 0) return true;
    }
  }
  return false;
}

// IsSamePoint compares two names of distribution points; those relative to an issuer were completed before.
bool IsSamePoint(const DIST_POINT_NAME* a, const DIST_POINT_NAME* b) {
  if (a == nullptr || b == nullptr) return false;
  if (a->type == kRelative && b->type == kRelative) {
    return a->dpname != nullptr && b->dpname != nullptr && X509_NAME_cmp(a->dpname, b->dpname) == 0;
  }
  if (a->type == kRelative) return a->dpname != nullptr && HasName(b->name.fullname, a->dpname);
  if (b->type == kRelative) return b->dpname != nullptr && HasName(a->name.fullname, b->dpname);
  return HaveOneInCommon(a->name.fullname, b->name.fullname);
}

struct FreePoints {
  void operator()(STACK_OF(DIST_POINT) * points) const { CRL_DIST_POINTS_free(points); }
};

// IsAtPoint is whether `certificate` names the distribution point `name` for its own issuer's list of all reasons.
bool IsAtPoint(X509* certificate, const DIST_POINT_NAME* name) {
  const std::unique_ptr<STACK_OF(DIST_POINT), FreePoints> points(
      static_cast<STACK_OF(DIST_POINT)*>(X509_get_ext_d2i(certificate, NID_crl_distribution_points, nullptr, nullptr)));
  for (int i = 0; i < sk_DIST_POINT_num(points.get()); ++i) {
    DIST_POINT* const point = sk_DIST_POINT_value(points.get(), i);
    if (point->CRLissuer != nullptr || point->reasons != nullptr || point->distpoint == nullptr) continue;
    DIST_POINT_set_dpname(point->distpoint, X509_get_issuer_name(certificate));
    if (IsSamePoint(point->distpoint, name)) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<ListScope> ListScope::Read(const X509_CRL* crl) {
  int found = 0;
  const std::shared_ptr<ISSUING_DIST_POINT> point(
      static_cast<ISSUING_DIST_POINT*>(X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &found, nullptr)),
      ISSUING_DIST_POINT_free);
  TakeError();
  if (point == nullptr) {
    if (found == -1) return ListScope(nullptr);
    return absl::InvalidArgumentError("has a scope that cannot be read (issuingDistributionPoint)");
  }
  if (point->indirectCRL > 0)
    return absl::InvalidArgumentError("speaks of certificates of other issuers (indirectCRL)");
  if (point->onlysomereasons != nullptr) {
    return absl::InvalidArgumentError("leaves out some reasons of revocation (onlySomeReasons)");
  }
  if (point->onlyattr > 0) return absl::InvalidArgumentError("speaks of attribute certificates only");
  if (point->distpoint != nullptr) DIST_POINT_set_dpname(point->distpoint, X509_CRL_get_issuer(crl));
  TakeError();
  return ListScope(point);
}

bool ListScope::Covers(X509* certificate) const {
  if (point_ == nullptr) return true;
  const bool authority = (X509_get_extension_flags(certificate) & EXFLAG_CA) != 0;
  if (authority ? point_->onlyuser > 0 : point_->onlyCA > 0) return false;
  return point_->distpoint == nullptr || IsAtPoint(certificate, point_->distpoint);
}

}  // namespace ddskey::trust
