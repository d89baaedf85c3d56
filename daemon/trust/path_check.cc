#include "daemon/trust/path_check.h"

#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/trust/openssl.h"
#include "daemon/trust/revocation_check.h"
#include "daemon/trust/usage_check.h"
#include "proto/contract/status_macros.h"

namespace ddskey::trust {
namespace {

// CAs between the leaf and its anchor.
constexpr int kMostIntermediates = 8;
// 112 bits of security: nothing on a path is signed with SHA-1 or below RSA-2048.
constexpr int kSecurityLevel = 2;

// What OpenSSL is told of a validation, and tells.
struct Validation {
  const TrustStore& trust;
  absl::Time now;
  RevocationFindings findings = {};
  std::optional<Refusal> refusal = std::nullopt;
};

const char* CheckName(int error) {
  switch (error) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "[not_yet_valid]";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "[expired]";
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
      return "[critical_extension]";
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
      return "[depth]";
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return "[key_strength]";
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
    case X509_V_ERR_SUBTREE_MINMAX:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX:
    case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX:
      return "[name_constraints]";
    case X509_V_ERR_NO_EXPLICIT_POLICY:
    case X509_V_ERR_INVALID_POLICY_EXTENSION:
      return "[policy]";
    default:
      return "[issuer]";
  }
}

std::vector<X509*> PathOf(X509_STORE_CTX* context) {
  std::vector<X509*> path;
  STACK_OF(X509)* const chain = X509_STORE_CTX_get0_chain(context);
  for (int i = 0; i < sk_X509_num(chain); ++i) path.push_back(sk_X509_value(chain, i));
  return path;
}

// CheckDates comes before revocation, so that it is the date that is named.
std::optional<Refusal> CheckDates(const std::vector<X509*>& path, absl::Time now) {
  for (X509* const certificate : path) {
    const auto begin = ReadTime(X509_get0_notBefore(certificate));
    const auto end = ReadTime(X509_get0_notAfter(certificate));
    if (begin.ok() && now < *begin) return Refusal{"[not_yet_valid]", "certificate is not yet valid", certificate};
    if (end.ok() && now >= *end) return Refusal{"[expired]", "certificate has expired", certificate};
  }
  return std::nullopt;
}

// OnRevocation is called by OpenSSL when it has found a path, before it verifies signatures.
int OnRevocation(X509_STORE_CTX* context) {
  auto& validation = *static_cast<Validation*>(X509_STORE_CTX_get_app_data(context));
  const std::vector<X509*> path = PathOf(context);
  validation.refusal = CheckDates(path, validation.now);
  if (!validation.refusal.has_value()) {
    validation.refusal = CheckRevocation(path, validation.trust, validation.now, validation.findings);
  }
  TakeError();
  if (!validation.refusal.has_value()) return 1;
  X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

// OnIssuer is called by OpenSSL to ask whether `issuer` may have issued `certificate`. It tries one only; so of CAs
// that share a name and differ in their keys it is the one whose signature is good.
int OnIssuer(X509_STORE_CTX* context, X509* certificate, X509* issuer) {
  if (X509_check_issued(issuer, certificate) != X509_V_OK) return 0;
  const auto& validation = *static_cast<Validation*>(X509_STORE_CTX_get_app_data(context));
  if (!validation.trust.HasTwins(issuer)) return 1;
  const int good = X509_verify(certificate, X509_get0_pubkey(issuer));
  TakeError();
  return good == 1 ? 1 : 0;
}

// Hooks is a store without certificates that brings what is ours into a validation.
X509_STORE* Hooks() {
  // Never freed: a validation may outlive every static.
  static X509_STORE* const hooks = [] {
    X509_STORE* const store = X509_STORE_new();
    X509_STORE_set_check_revocation(store, OnRevocation);
    X509_STORE_set_check_issued(store, OnIssuer);
    return store;
  }();
  return hooks;
}

// UnknownCritical is the first critical extension of `certificate` that OpenSSL does not know.
std::string UnknownCritical(const X509* certificate) {
  for (int i = 0; i < X509_get_ext_count(certificate); ++i) {
    X509_EXTENSION* const extension = X509_get_ext(certificate, i);
    if (X509_EXTENSION_get_critical(extension) == 0 || X509_supported_extension(extension) == 1) continue;
    char name[64] = {};
    OBJ_obj2txt(name, sizeof name, X509_EXTENSION_get_object(extension), 0);
    return PrintableText(name);
  }
  return {};
}

absl::Status Refuse(const Refusal& refusal, const Certificate& leaf) {
  std::string where;
  if (refusal.at != nullptr && X509_cmp(refusal.at, leaf.x509()) != 0) {
    where = absl::StrCat(" (at ", PrintableText(NameText(X509_get_subject_name(refusal.at))), ")");
  }
  return absl::PermissionDeniedError(absl::StrCat(refusal.check, " the certificate of ", PrintableText(leaf.subject()),
                                                  ", issued by ", PrintableText(leaf.issuer()),
                                                  ", is not accepted: ", refusal.reason, where));
}

absl::Status RefusePath(X509_STORE_CTX* context, const Certificate& leaf) {
  const auto& validation = *static_cast<Validation*>(X509_STORE_CTX_get_app_data(context));
  if (validation.refusal.has_value()) return Refuse(*validation.refusal, leaf);
  const int error = X509_STORE_CTX_get_error(context);
  if (error == X509_V_ERR_OUT_OF_MEM || error == X509_V_ERR_UNSPECIFIED) {
    return absl::InternalError("cannot make a path validation");
  }
  X509* const at = X509_STORE_CTX_get_current_cert(context);
  std::string reason = X509_verify_cert_error_string(error);
  if (error == X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION && at != nullptr) {
    absl::StrAppend(&reason, " ", UnknownCritical(at));
  }
  return Refuse({CheckName(error), std::move(reason), at}, leaf);
}

// CheckAuthorities is about what OpenSSL lets pass, and the usage of each certificate.
std::optional<Refusal> CheckAuthorities(const std::vector<X509*>& path, Validation& validation) {
  for (size_t i = 1; i + 1 < path.size(); ++i) {
    // OpenSSL also takes keyUsage for a word about being a CA; a peer's intermediate must say it outright.
    if (X509_check_ca(path[i]) != 1) {
      return Refusal{"[issuer]", X509_verify_cert_error_string(X509_V_ERR_INVALID_CA), path[i]};
    }
  }
  const Strictness strictness = validation.trust.options().key_usage;
  if (strictness == Strictness::kIgnore) return std::nullopt;
  for (size_t i = 0; i == 0 || i + 1 < path.size(); ++i) {
    const auto problem = i == 0 ? CheckParticipantUsage(path[i]) : CheckAuthorityUsage(path[i]);
    if (!problem.has_value()) continue;
    if (strictness == Strictness::kRequire) {
      const size_t end = problem->find(']') + 1;
      return Refusal{problem->substr(0, end), problem->substr(end + 1), path[i]};
    }
    validation.findings.warnings.push_back(*problem);
  }
  return std::nullopt;
}

struct FreeStack {
  // The certificates in it are not its own.
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
using Stack = std::unique_ptr<STACK_OF(X509), FreeStack>;

Stack StackOf(const std::vector<Certificate>& certificates, size_t from) {
  Stack stack(sk_X509_new_null());
  for (size_t i = from; i < certificates.size(); ++i) sk_X509_push(stack.get(), certificates[i].x509());
  return stack;
}

std::optional<Certificate> Find(const X509* wanted, const std::vector<Certificate>& certificates) {
  const auto found = std::ranges::find(certificates, wanted, &Certificate::x509);
  return found == certificates.end() ? std::nullopt : std::optional(*found);
}

absl::Status SetOptions(X509_STORE_CTX* context, absl::Time now) {
  X509_VERIFY_PARAM* const options = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_flags(options, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_POLICY_CHECK);
  X509_VERIFY_PARAM_set_depth(options, kMostIntermediates);
  X509_VERIFY_PARAM_set_auth_level(options, kSecurityLevel);
  X509_VERIFY_PARAM_set_time(options, absl::ToTimeT(now));
  // Any policy will do, unless a CA on the path asks for one (RFC 5280, 6.1.1 c).
  return X509_VERIFY_PARAM_add0_policy(options, OBJ_nid2obj(NID_any_policy)) == 1
             ? absl::OkStatus()
             : absl::InternalError("cannot begin a path validation");
}

}  // namespace

PathResult CheckPath(const std::vector<Certificate>& chain, const TrustStore& trust, absl::Time now) {
  PathResult result;
  const Certificate& leaf = chain.front();
  const Stack others = StackOf(chain, 1);
  const Stack anchors = StackOf(trust.anchors(), 0);
  const OpensslPtr<X509_STORE_CTX> context(X509_STORE_CTX_new_ex(Library(), nullptr));
  if (X509_STORE_CTX_init(context.get(), Hooks(), leaf.x509(), others.get()) != 1) {
    result.status = absl::InternalError("cannot begin a path validation");
    return result;
  }
  X509_STORE_CTX_set0_trusted_stack(context.get(), anchors.get());
  result.status = SetOptions(context.get(), now);
  if (!result.status.ok()) return result;
  Validation validation = {.trust = trust, .now = now};
  X509_STORE_CTX_set_app_data(context.get(), &validation);
  if (X509_verify_cert(context.get()) != 1) {
    result.status = RefusePath(context.get(), leaf);
    return result;
  }
  const std::vector<X509*> path = PathOf(context.get());
  if (const auto refusal = CheckAuthorities(path, validation); refusal.has_value()) {
    result.status = Refuse(*refusal, leaf);
    return result;
  }
  if (path.size() > 1) {
    result.issuer = Find(path[1], chain);
    if (!result.issuer.has_value()) result.issuer = Find(path[1], trust.anchors());
  }
  const RevocationFindings& findings = validation.findings;
  if (findings.unanswered.has_value()) result.unanswered = Refuse(*findings.unanswered, leaf);
  result.warnings = findings.warnings;
  return result;
}

}  // namespace ddskey::trust
