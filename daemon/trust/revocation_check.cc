#include "daemon/trust/revocation_check.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/trust/openssl.h"

namespace ddskey::trust {
namespace {

std::string NameOf(const X509_NAME* name) { return PrintableText(NameText(name)); }

// AnchorSigned is whether the signatures of `path` are good from the one on `from` upwards.
bool AnchorSigned(const std::vector<X509*>& path, size_t from) {
  for (size_t i = from; i + 1 < path.size(); ++i) {
    if (X509_verify(path[i], X509_get0_pubkey(path[i + 1])) != 1) return false;
  }
  return true;
}

// RevocationCheck is the check of one certificate.
class RevocationCheck {
 public:
  RevocationCheck(const std::vector<X509*>& path, size_t at, const TrustStore& trust, absl::Time now)
      : path_(path), at_(at), trust_(trust), now_(now) {}

  std::optional<Refusal> Run(RevocationFindings& findings) {
    // The list of the issuer itself comes before those of CAs of its name above it.
    for (size_t signer = at_ + 1; signer < path_.size() && list_ == nullptr; ++signer) {
      if (X509_NAME_cmp(X509_get_subject_name(path_[signer]), X509_get_issuer_name(path_[at_])) != 0) continue;
      if (auto refusal = Search(signer); refusal.has_value()) return refusal;
    }
    const ValidationOptions& options = trust_.options();
    if (list_ == nullptr) {
      if (unusable_) return Refuse("[revoked]", "is not signed with its key, or it may sign none (cRLSign)");
      return Apply(options.missing_revocation_list, Refuse("[revocation_list_missing]", "is missing"), findings);
    }
    if (list_->Revokes(path_[at_])) {
      return Refusal{"[revoked]", "it is revoked", path_[at_]};
    }
    if (now_ < list_->this_update()) {
      return Apply(options.outdated_revocation_list, Refuse("[revocation_list_outdated]", "is not valid yet"),
                   findings);
    }
    if (now_ >= list_->next_update()) {
      return Apply(options.outdated_revocation_list, Refuse("[revocation_list_outdated]", "is past its next update"),
                   findings);
    }
    return std::nullopt;
  }

 private:
  // Search finds the list of the CA `signer` on the path. Fails only if the path does not make it a CA of the anchor.
  std::optional<Refusal> Search(size_t signer) {
    for (const RevocationList& list : trust_.revocation_lists()) {
      if (X509_NAME_cmp(X509_CRL_get_issuer(list.crl()), X509_get_issuer_name(path_[at_])) != 0) continue;
      if (!list.Covers(path_[at_])) continue;
      if (!list.IsKnownToBeSignedBy(path_[signer]) && !anchor_signed_) {
        if (!AnchorSigned(path_, at_ + 1))
          return Refusal{"[issuer]", "a signature on its path is not good", path_[at_]};
        anchor_signed_ = true;
      }
      if (!list.IsSignedBy(path_[signer])) {
        unusable_ = unusable_ || (list.MayBeOfKey(path_[signer]) && !IsOfAnchor(list));
      } else if ((X509_get_key_usage(path_[signer]) & KU_CRL_SIGN) != 0) {  // All bits are set if it has none.
        Prefer(list);
      } else {
        unusable_ = true;
      }
    }
    return std::nullopt;
  }

  // IsOfAnchor is whether `list` is known to be another CA's of the same name.
  bool IsOfAnchor(const RevocationList& list) const {
    return std::ranges::any_of(trust_.anchors(),
                               [&list](const Certificate& anchor) { return list.IsKnownToBeSignedBy(anchor.x509()); });
  }

  // Prefer takes `list` if it is newer than what was found, among those that have begun.
  void Prefer(const RevocationList& list) {
    const auto rank = [this](const RevocationList& each) {
      return std::pair(each.this_update() <= now_, each.this_update());
    };
    if (list_ == nullptr || rank(*list_) < rank(list)) list_ = &list;
  }

  Refusal Refuse(std::string check, const char* what) const {
    return {std::move(check),
            absl::StrCat("the revocation list of ", NameOf(X509_get_issuer_name(path_[at_])), " ", what), path_[at_]};
  }

  std::optional<Refusal> Apply(Strictness strictness, Refusal refusal, RevocationFindings& findings) const {
    if (strictness == Strictness::kWarn) {
      findings.warnings.push_back(absl::StrCat(refusal.check, " the certificate of ",
                                               NameOf(X509_get_subject_name(refusal.at)),
                                               " cannot be checked: ", refusal.reason));
    }
    if (strictness != Strictness::kRequire) return std::nullopt;
    if (at_ > 0) return refusal;
    findings.unanswered = std::move(refusal);
    return std::nullopt;
  }

  const std::vector<X509*>& path_;
  const size_t at_;
  const TrustStore& trust_;
  const absl::Time now_;
  const RevocationList* list_ = nullptr;
  // There is a list that should have been the issuer's and cannot be used.
  bool unusable_ = false;
  // The issuer's own path is known to be signed.
  bool anchor_signed_ = false;
};

}  // namespace

std::optional<Refusal> CheckRevocation(const std::vector<X509*>& path, const TrustStore& trust, absl::Time now,
                                       RevocationFindings& findings) {
  if (X509* const anchor = path.back(); trust.IsRevokedAnchor(anchor)) {
    return Refusal{"[revoked]", "it is revoked", anchor};
  }
  for (size_t at = 0; at + 1 < path.size(); ++at) {
    if (auto refusal = RevocationCheck(path, at, trust, now).Run(findings); refusal.has_value()) return refusal;
  }
  return std::nullopt;
}

}  // namespace ddskey::trust
