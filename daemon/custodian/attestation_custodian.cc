#include "daemon/custodian/attestation_custodian.h"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/custodian/find_identity.h"
#include "daemon/custodian/sign_request.h"
#include "daemon/handshake/digest.h"
#include "daemon/trust/certificate.h"
#include "proto/contract/attestation_binding.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

// A TPM may take half a minute for an endorsement key of RSA.
constexpr std::chrono::seconds kDeadline(90);
constexpr size_t kMostRegisters = 24;

WorkOptions Options() {
  WorkOptions options;
  options.deadline = std::chrono::steady_clock::now() + kDeadline;
  return options;
}

// DerOf is what the PEM document of a request of ours holds.
absl::StatusOr<std::string> DerOf(const std::string& pem) {
  std::string base64;
  for (const absl::string_view line : absl::StrSplit(pem, '\n')) {
    if (!absl::StartsWith(line, "-----")) absl::StrAppend(&base64, line);
  }
  std::string der;
  if (!absl::Base64Unescape(base64, &der)) return absl::InternalError("a certification request cannot be read");
  return der;
}

absl::Status NoAttester(const std::string& name, const BackendSet::Entry& entry) {
  return absl::FailedPreconditionError(
      absl::StrCat("the key \"", name, "\" is in the backend \"", entry.name, "\" of the kind ", entry.backend->kind(),
                   ", which is no TPM: nobody can be shown where the key is; only keys in a TPM are attested"));
}

}  // namespace

absl::StatusOr<AttestationCustodian::Chosen> AttestationCustodian::Choose(const std::string& name) const {
  Chosen chosen;
  ASSIGN_OR_RETURN(chosen.identity, FindActive(parts_.keys, name));
  const KeyGeneration* const next = chosen.identity->next();
  chosen.generation = next != nullptr ? next : &chosen.identity->current();
  ASSIGN_OR_RETURN(const BackendSet::Entry* const entry,
                   parts_.backends.FindForKey(chosen.generation->backend_uuid, chosen.generation->blob));
  chosen.attester = entry->backend->attester();
  if (chosen.attester == nullptr) {
    // One that could not be opened yet is none.
    const BackendHealth health = entry->backend->Health();
    return health.healthy ? NoAttester(name, *entry) : absl::UnavailableError(health.problem);
  }
  return chosen;
}

absl::StatusOr<CertificationRequest> AttestationCustodian::Request(const Chosen& chosen,
                                                                   const AttestationOrder& order) const {
  const KeyGeneration& generation = *chosen.generation;
  if (!order.subject.empty()) {
    if (generation.state != GenerationState::kNext) {
      return CertificationRequest::Build(generation.algorithm, generation.public_key, order.subject, {});
    }
    return absl::InvalidArgumentError(
        "the next key of an identity is for the subject of its certificate: give no other subject");
  }
  const std::string& chain = chosen.identity->current().certificate_chain;
  if (chain.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("\"", order.name, "\" has no certificate that says for which subject: give a subject"));
  }
  ASSIGN_OR_RETURN(const std::vector<Certificate> certificates, Certificate::ParsePem(chain));
  return CertificationRequest::BuildFor(generation.algorithm, generation.public_key, certificates.front().subject_der(),
                                        {});
}

void AttestationCustodian::Attest(const Subject& caller, AttestationOrder order, Done<AttestedKey> done) {
  parts_.pool.Post(caller, [this, caller, order = std::move(order), done = std::move(done)] {
    SubmitAttest(caller, order, Trail(parts_.authorizer, caller, "AttestKey", order.name), done);
  });
}

void AttestationCustodian::SubmitAttest(const Subject& caller, const AttestationOrder& order, Trail trail,
                                        Done<AttestedKey> done) const {
  const auto refuse = [&](const absl::Status& status) {
    trail.End(status);
    done(status);
  };
  if (const absl::Status allowed = trail.Administer(parts_.authorizer, caller, Action::kAttest, order.name);
      !allowed.ok()) {
    return refuse(allowed);
  }
  // Before the key signs anything.
  if (order.nonce.size() != kAttestationNonce) {
    return refuse(absl::InvalidArgumentError(absl::StrCat("a nonce has ", kAttestationNonce, " octets")));
  }
  if (order.pcrs.size() > kMostRegisters) {
    return refuse(absl::InvalidArgumentError("there are 24 platform configuration registers"));
  }
  auto chosen = Choose(order.name);
  if (!chosen.ok()) return refuse(chosen.status());
  auto request = Request(*chosen, order);
  if (!request.ok()) return refuse(request.status());
  SignRequest(
      parts_.pool, parts_.backends, *chosen->generation, *std::move(request),
      [this, chosen = *chosen, order, trail, done = std::move(done)](const absl::StatusOr<std::string>& pem) mutable {
        if (pem.ok()) return AttestRequested(chosen, order, *pem, std::move(trail), done);
        trail.End(pem.status());
        done(pem.status());
      });
}

void AttestationCustodian::AttestRequested(const Chosen& chosen, const AttestationOrder& order, const std::string& pem,
                                           Trail trail, const Done<AttestedKey>& done) const {
  const auto csr = DerOf(pem);
  if (!csr.ok()) {
    trail.End(csr.status());
    return done(csr.status());
  }
  const KeyGeneration& generation = *chosen.generation;
  AttestRequest request;
  request.key = {generation.algorithm, generation.purpose, generation.blob, generation.public_key};
  request.nonce = order.nonce;
  request.identity = order.name;
  request.csr_sha256 = Sha256(*csr);
  request.pcrs = order.pcrs.empty() ? std::vector<uint32_t>{0, 1, 2, 3, 4, 5, 6, 7} : order.pcrs;
  std::ranges::sort(request.pcrs);
  request.endorsement = order.endorsement;
  chosen.attester->SubmitAttest(
      std::move(request), Options(),
      [&pool = parts_.pool, csr = *csr, trail = std::move(trail), done](absl::StatusOr<Attestation> made) {
        pool.Resume([csr, trail, done, made = std::move(made)]() mutable {
          trail.End(made.status());
          if (!made.ok()) return done(made.status());
          done(AttestedKey{std::move(csr), *std::move(made)});
        });
      });
}

void AttestationCustodian::Activate(const Subject& caller, const std::string& name, ActivateRequest request,
                                    Done<std::string> done) {
  parts_.pool.Post(caller, [this, caller, name, request = std::move(request), done = std::move(done)] {
    SubmitActivate(caller, name, request, Trail(parts_.authorizer, caller, "ActivateCredential", name), done);
  });
}

void AttestationCustodian::SubmitActivate(const Subject& caller, const std::string& name, ActivateRequest request,
                                          Trail trail, Done<std::string> done) const {
  const auto refuse = [&](const absl::Status& status) {
    trail.End(status);
    done(status);
  };
  if (const absl::Status allowed = trail.Administer(parts_.authorizer, caller, Action::kCredentialActivate, name);
      !allowed.ok()) {
    return refuse(allowed);
  }
  const auto chosen = Choose(name);
  if (!chosen.ok()) return refuse(chosen.status());
  const KeyGeneration& generation = *chosen->generation;
  request.key = {generation.algorithm, generation.purpose, generation.blob, generation.public_key};
  chosen->attester->SubmitActivate(
      std::move(request), Options(),
      [&pool = parts_.pool, trail = std::move(trail), done = std::move(done)](absl::StatusOr<ActivatedSecret> opened) {
        pool.Resume([trail, done, opened = std::move(opened)]() mutable {
          trail.End(opened.status());
          if (!opened.ok()) return done(opened.status());
          done(std::move(opened->octets));
        });
      });
}

}  // namespace ddskey
