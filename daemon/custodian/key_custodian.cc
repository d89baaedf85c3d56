#include "daemon/custodian/key_custodian.h"

#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/custodian/find_identity.h"
#include "daemon/custodian/parse_trust.h"
#include "daemon/custodian/sign_request.h"
#include "daemon/trust/certificate.h"
#include "daemon/trust/certification_request.h"
#include "proto/contract/pcr_policy.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

// A TPM may take half a minute for an RSA key.
constexpr std::chrono::seconds kCreateDeadline(90);

// c.id has 16 KiB at most, and a NUL at its end.
constexpr size_t kLargestChain = 16 * 1024 - 1;

absl::StatusOr<KeyAlgorithm> AlgorithmOf(const std::string& name) {
  if (name.empty()) return KeyAlgorithm::kEcP256;
  const auto algorithm = ParseAlgorithm(name);
  if (!algorithm.has_value())
    return absl::InvalidArgumentError(absl::StrCat("the algorithm must be ", kAlgorithmNames));
  return *algorithm;
}

absl::StatusOr<KeyPurpose> PurposeOf(const std::string& name) {
  if (name.empty()) return KeyPurpose::kHandshake;
  const auto purpose = ParsePurpose(name);
  if (!purpose.has_value()) return absl::InvalidArgumentError("the purpose must be handshake, digest or derive");
  return *purpose;
}

// TermsOf is what the key is to be bound to; nothing if it is not.
absl::StatusOr<std::optional<PcrTerms>> TermsOf(const NewKey& key) {
  if (key.pcrs.empty()) {
    if (key.pcr_authority.empty() && key.pcr_label.empty()) return std::nullopt;
    return absl::InvalidArgumentError("an authority approves values of registers: say which the key is bound to");
  }
  PcrTerms terms;
  ASSIGN_OR_RETURN(terms.registers, ParsePcrSelection(key.pcrs));
  terms.authority = key.pcr_authority;
  terms.label = key.pcr_label.empty() && !key.pcr_authority.empty() ? key.name : key.pcr_label;
  return terms;
}

WorkOptions Until(std::chrono::seconds limit) {
  WorkOptions options;
  options.deadline = std::chrono::steady_clock::now() + limit;
  return options;
}

}  // namespace

absl::StatusOr<KeyDescription> KeyCustodian::Describe(std::shared_ptr<const Identity> identity) const {
  return DescribeKey(std::move(identity), parts_.keys, parts_.backends, parts_.book.Counts());
}

void KeyCustodian::SubmitCreate(const Subject& caller, const NewKey& key, Trail trail, Done<KeyDescription> done) {
  const auto refuse = [&](const absl::Status& status) {
    trail.End(status);
    done(status);
  };
  if (const absl::Status allowed = trail.Administer(parts_.authorizer, caller, Action::kKeyCreate, key.name);
      !allowed.ok()) {
    return refuse(allowed);
  }
  const auto name = ParseKeyName(key.name);
  if (!name.ok()) return refuse(name.status());
  const auto algorithm = AlgorithmOf(key.algorithm);
  if (!algorithm.ok()) return refuse(algorithm.status());
  const auto purpose = PurposeOf(key.purpose);
  if (!purpose.ok()) return refuse(purpose.status());
  const BackendSet::Entry* entry = parts_.backends.FindByName(key.backend);
  if (entry == nullptr) return refuse(absl::NotFoundError("there is no backend of that name; see: ddskeyctl status"));
  if (const auto existing = parts_.keys.Find(*name); existing.ok()) {
    return refuse(absl::AlreadyExistsError(
        absl::StrCat("the name \"", key.name, "\" is taken",
                     (*existing)->deleted ? " by a deleted key; free it with: ddskeyctl key delete --purge " : "",
                     (*existing)->deleted ? key.name : "")));
  }
  auto terms = TermsOf(key);
  if (!terms.ok()) return refuse(terms.status());
  auto finish = [this, name = *name, entry, trail = std::move(trail),
                 done = std::move(done)](absl::StatusOr<SealedKey> made) {
    // Off the thread of the device: the keystore waits for the disk.
    parts_.pool.Resume([this, name, entry, made = std::move(made), trail, done]() mutable {
      auto stored = made.ok() ? Store(name, *entry, *made, /*imported=*/false) : made.status();
      trail.End(stored.status());
      done(std::move(stored));
    });
  };
  if (terms->has_value()) {
    entry->backend->SubmitCreateBound(*algorithm, *purpose, **std::move(terms), Until(kCreateDeadline),
                                      std::move(finish));
  } else {
    entry->backend->SubmitCreate(*algorithm, *purpose, Until(kCreateDeadline), std::move(finish));
  }
}

absl::StatusOr<KeyDescription> KeyCustodian::Store(const KeyName& name, const BackendSet::Entry& entry,
                                                   const SealedKey& key, bool imported) {
  KeyGeneration generation;
  generation.imported = imported;
  generation.backend_uuid = entry.uuid;
  generation.algorithm = key.algorithm;
  generation.purpose = key.purpose;
  generation.blob = key.blob;
  generation.public_key = key.public_key;
  generation.created = parts_.clock();
  RETURN_IF_ERROR(parts_.keys.CreateIdentity(name, generation));
  ASSIGN_OR_RETURN(auto identity, parts_.keys.Find(name));
  return Describe(std::move(identity));
}

void KeyCustodian::SubmitRequest(const Subject& caller, const NewRequest& request, Trail trail,
                                 Done<std::string> done) {
  const auto refuse = [&](const absl::Status& status) {
    trail.End(status);
    done(status);
  };
  if (const absl::Status allowed = trail.Administer(parts_.authorizer, caller, Action::kCsrCreate, request.key_name);
      !allowed.ok()) {
    return refuse(allowed);
  }
  const auto identity = FindActive(parts_.keys, request.key_name);
  if (!identity.ok()) return refuse(identity.status());
  const KeyGeneration& generation = (*identity)->current();
  auto built =
      CertificationRequest::Build(generation.algorithm, generation.public_key, request.subject, request.key_usage);
  if (!built.ok()) return refuse(built.status());
  SignRequest(parts_.pool, parts_.backends, generation, *std::move(built),
              [trail = std::move(trail), done = std::move(done)](absl::StatusOr<std::string> pem) mutable {
                trail.End(pem.status());
                done(std::move(pem));
              });
}

absl::StatusOr<KeyDescription> KeyCustodian::Install(const Subject& caller, const std::string& name,
                                                     const std::string& chain, const std::string& anchors,
                                                     Trail& trail) {
  RETURN_IF_ERROR(trail.Administer(parts_.authorizer, caller, Action::kCertificateInstall, name));
  ASSIGN_OR_RETURN(const auto identity, FindActive(parts_.keys, name));
  const KeyGeneration& generation = identity->current();
  ASSIGN_OR_RETURN(const std::vector<Certificate> certificates, Certificate::ParsePem(chain));
  const Certificate& leaf = certificates.front();
  if (leaf.public_key() != generation.public_key) {
    return absl::FailedPreconditionError(
        absl::StrCat("the certificate of ", leaf.subject(),
                     " is for another key; the first certificate must be made from: ddskeyctl csr ", name,
                     " --subject /O=ORGANIZATION/CN=", name));
  }
  // Without anchors anywhere, what is left to check are form and dates: the caller of a handshake brings the anchors.
  const std::string& in_force = anchors.empty() ? identity->trust.anchors : anchors;
  const absl::Time now = parts_.clock();
  if (in_force.empty() && (now < leaf.not_before() || now > leaf.not_after())) {
    return absl::FailedPreconditionError("the certificate is not valid now");
  }
  if (!in_force.empty()) {
    IdentityTrust under = identity->trust;
    under.anchors = in_force;
    // What a responder says of it is installed after it.
    under.options.missing_revocation_list = Strictness::kIgnore;
    ASSIGN_OR_RETURN(const auto trust, TrustInForce(under, name, parts_.file_lists));
    if (const auto good = parts_.validator.Validate(chain, *trust, now); !good.ok()) {
      return absl::FailedPreconditionError(absl::StrCat("the certificate is not good: ", good.status().message(),
                                                        "; name the identity CA that signed it with --ca FILE"));
    }
  }
  // Stored as parsed: text around the blocks goes nowhere, unless an administrator wants it to.
  std::string stored_chain = identity->trust.keep_pem_text ? chain : Certificate::WithoutText(chain);
  while (stored_chain.ends_with('\0')) stored_chain.pop_back();
  if (stored_chain.size() > kLargestChain) {
    return absl::InvalidArgumentError(
        absl::StrCat("the certificate chain is larger than ", kLargestChain, " octets, which no peer would take"));
  }
  std::string clean_anchors;
  if (!anchors.empty()) {
    ASSIGN_OR_RETURN(const std::vector<Certificate> parsed, Certificate::ParsePem(anchors));
    for (const Certificate& anchor : parsed) clean_anchors += anchor.pem();
  }
  RETURN_IF_ERROR(parts_.keys.InstallCertificate(identity->name, generation.uuid, stored_chain, clean_anchors));
  parts_.changes.Bump();
  ASSIGN_OR_RETURN(auto installed, parts_.keys.Find(identity->name));
  return Describe(std::move(installed));
}

absl::Status KeyCustodian::Remove(const Subject& caller, const std::string& name, bool purge, Trail& trail) {
  RETURN_IF_ERROR(trail.Administer(parts_.authorizer, caller, Action::kKeyDelete, name));
  ASSIGN_OR_RETURN(const KeyName parsed, ParseKeyName(name));
  const absl::Status status = purge ? parts_.keys.PurgeIdentity(parsed) : parts_.keys.DeleteIdentity(parsed);
  if (status.ok()) parts_.changes.Bump();
  return absl::IsNotFound(status) ? NoSuchKey(name) : status;
}

void KeyCustodian::Create(const Subject& caller, NewKey key, Done<KeyDescription> done) {
  parts_.pool.Post(caller, [this, caller, key = std::move(key), done = std::move(done)] {
    SubmitCreate(caller, key, Trail(parts_.authorizer, caller, "CreateKey", key.name), done);
  });
}

void KeyCustodian::List(const Subject& caller, bool include_deleted, Done<std::vector<KeyDescription>> done) {
  parts_.pool.Post(caller, [this, caller, include_deleted, done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, "ListKeys", "");
    const auto list = [&]() -> absl::StatusOr<std::vector<KeyDescription>> {
      RETURN_IF_ERROR(trail.Administer(parts_.authorizer, caller, Action::kKeyList, ""));
      std::vector<KeyDescription> keys;
      const std::map<std::string, size_t> participants = parts_.book.Counts();
      for (const auto& identity : parts_.keys.List()) {
        if (identity->deleted && !include_deleted) continue;
        ASSIGN_OR_RETURN(keys.emplace_back(), DescribeKey(identity, parts_.keys, parts_.backends, participants));
      }
      return keys;
    };
    auto keys = list();
    trail.End(keys.status());
    done(std::move(keys));
  });
}

void KeyCustodian::Get(const Subject& caller, std::string name, Done<KeyDescription> done) {
  parts_.pool.Post(caller, [this, caller, name = std::move(name), done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, "GetKey", name);
    const auto get = [&]() -> absl::StatusOr<KeyDescription> {
      RETURN_IF_ERROR(trail.Administer(parts_.authorizer, caller, Action::kKeyList, name));
      ASSIGN_OR_RETURN(const KeyName parsed, ParseKeyName(name));
      auto identity = parts_.keys.Find(parsed);
      if (!identity.ok()) return NoSuchKey(name);
      return Describe(*std::move(identity));
    };
    auto key = get();
    trail.End(key.status());
    done(std::move(key));
  });
}

void KeyCustodian::Delete(const Subject& caller, std::string name, bool purge, std::function<void(absl::Status)> done) {
  parts_.pool.Post(caller, [this, caller, name = std::move(name), purge, done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, purge ? "PurgeKey" : "DeleteKey", name);
    const absl::Status status = Remove(caller, name, purge, trail);
    trail.End(status);
    done(status);
  });
}

void KeyCustodian::Request(const Subject& caller, NewRequest request, Done<std::string> done) {
  parts_.pool.Post(caller, [this, caller, request = std::move(request), done = std::move(done)] {
    SubmitRequest(caller, request,
                  Trail(parts_.authorizer, caller, "CreateCertificateSigningRequest", request.key_name), done);
  });
}

void KeyCustodian::InstallCertificate(const Subject& caller, std::string name, std::string chain, std::string anchors,
                                      Done<KeyDescription> done) {
  parts_.pool.Post(caller, [this, caller, name = std::move(name), chain = std::move(chain),
                            anchors = std::move(anchors), done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, "InstallCertificate", name);
    auto key = Install(caller, name, chain, anchors, trail);
    trail.End(key.status());
    done(std::move(key));
  });
}

void KeyCustodian::AuthorizeStatus(const Subject& caller, std::function<void(absl::Status)> done) {
  parts_.pool.Post(caller, [this, caller, done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, "GetStatus", "");
    const absl::Status status = trail.Administer(parts_.authorizer, caller, Action::kStatus, "");
    trail.End(status);
    done(status);
  });
}

}  // namespace ddskey
