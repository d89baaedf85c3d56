#include "daemon/custodian/signing_custodian.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "daemon/custodian/participant.h"
#include "daemon/custodian/use_identity.h"
#include "daemon/handshake/digest.h"
#include "daemon/trust/certificate.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr size_t kMostKeys = 256;
constexpr size_t kMostOctets = size_t{384} * 1024;
constexpr size_t kSha384Size = 48;

absl::Status Gone(const std::string& name) {
  return absl::FailedPreconditionError(
      absl::StrCat("the key \"", name, "\" was renewed, and the one before is not kept any more; list the keys again"));
}

// CanSign is what any use of an identity as a token's key needs, whatever policy says.
bool CanSign(const Identity& identity) {
  return !identity.deleted && !identity.disabled && identity.current().purpose == KeyPurpose::kDigest;
}

absl::StatusOr<SigningKey> Show(const Identity& identity) {
  const KeyGeneration& current = identity.current();
  SigningKey key;
  key.name = identity.name.text();
  key.identity_uuid = identity.uuid;
  key.algorithm = current.algorithm;
  key.public_key = current.public_key;
  ASSIGN_OR_RETURN(key.parts, SplitPublicKey(current.public_key));
  if (current.certificate_chain.empty()) return key;
  ASSIGN_OR_RETURN(const std::vector<Certificate> chain, Certificate::ParsePem(current.certificate_chain));
  for (const Certificate& certificate : chain) key.certificates.push_back(SplitCertificate(certificate));
  return key;
}

}  // namespace

void SigningCustodian::List(const Subject& caller, Done<std::vector<SigningKey>> done) {
  parts_.pool.Post(caller, [this, caller, done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, "ListSigningKeys", "");
    const auto policy = parts_.authorizer.policy();
    std::vector<SigningKey> keys;
    size_t octets = 0;
    for (const auto& identity : parts_.keys.List()) {
      const std::string& name = identity->name.text();
      if (!CanSign(*identity) || !policy->Evaluate(caller, Action::kSignDigest, name).allowed) continue;
      auto key = Show(*identity);
      // One that cannot be read is for `store check` to report.
      if (!key.ok()) continue;
      octets += identity->current().certificate_chain.size();
      if (keys.size() == kMostKeys || octets > kMostOctets) break;
      if (!IsRsa(key->algorithm)) {
        key->families = {SignatureFamily::kEcdsa};
      } else {
        key->families = {SignatureFamily::kRsaPss};
        if (policy->Evaluate(caller, Action::kSignPkcs1, name).allowed) {
          key->families.push_back(SignatureFamily::kRsaPkcs1);
        }
      }
      keys.push_back(*std::move(key));
    }
    trail.End(absl::OkStatus());
    done(std::move(keys));
  });
}

absl::StatusOr<SigningCustodian::Order> SigningCustodian::Admit(const Subject& caller, const DigestToSign& request,
                                                                Trail& trail) const {
  const auto find = [&](Action action) {
    return FindPermitted(parts_.authorizer, parts_.keys, caller, action, request.key_name, KeyPurpose::kDigest, trail);
  };
  ASSIGN_OR_RETURN(const auto identity, find(Action::kSignDigest));
  if (request.family == SignatureFamily::kRsaPkcs1) RETURN_IF_ERROR(find(Action::kSignPkcs1).status());
  const auto& generations = identity->generations;
  const auto generation = std::ranges::find_if(generations, [&request](const KeyGeneration& candidate) {
    return candidate.state != GenerationState::kNext && Sha256(candidate.public_key) == request.public_key_digest;
  });
  if (generation == generations.end()) return Gone(request.key_name);
  // S-1, also for generations that differ: none signs a digest that was not made for it.
  if (generation->purpose != KeyPurpose::kDigest) {
    trail.Reason("this key of the identity was not made for the purpose digest");
    return NotPermitted();
  }
  if (IsRsa(generation->algorithm) == (request.family == SignatureFamily::kEcdsa)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the scheme does not fit a key of ", std::string(AlgorithmName(generation->algorithm))));
  }
  ASSIGN_OR_RETURN(const BackendSet::Entry* const entry,
                   parts_.backends.FindForKey(generation->backend_uuid, generation->blob));
  return Order{identity, &*generation, SchemeOf(request.family, request.digest.size() == kSha384Size),
               entry->backend.get()};
}

absl::StatusOr<std::string> SigningCustodian::Finish(const Order& order, absl::StatusOr<Signature> signature,
                                                     Trail& trail) const {
  RETURN_IF_ERROR(signature.status());
  RETURN_IF_ERROR(StillServed(parts_.keys, *order.identity, trail));
  if (FamilyOf(order.scheme) != SignatureFamily::kEcdsa) return std::move(signature->octets);
  return RawEcdsa(signature->octets, static_cast<size_t>(KeyBits(order.generation->algorithm)) / 8);
}

void SigningCustodian::Sign(const Subject& caller, DigestToSign request, std::chrono::steady_clock::time_point deadline,
                            Done<std::string> done) {
  parts_.pool.Post(caller, [this, caller, request = std::move(request), deadline, done = std::move(done)] {
    Trail trail(parts_.authorizer, caller, "SignDigest", request.key_name);
    auto order = Admit(caller, request, trail);
    if (!order.ok()) {
      trail.End(order.status());
      return done(order.status());
    }
    const KeyGeneration& generation = *order->generation;
    // A process that uses a key as a token's has no GUID; it counts as one participant.
    parts_.book.Note(caller, Guid{}, generation.uuid);
    WorkOptions options;
    options.deadline = deadline;
    options.fairness = CallerBinding(caller);
    options.group = absl::StrCat("uid ", caller.uid);
    order->backend->SubmitSign(
        {generation.algorithm, generation.purpose, generation.blob, generation.public_key}, order->scheme,
        request.digest, options, [this, order = *order, trail, done](absl::StatusOr<Signature> signature) mutable {
          parts_.pool.Resume([this, order, trail, done, signature = std::move(signature)]() mutable {
            auto result = Finish(order, std::move(signature), trail);
            trail.End(result.status());
            done(std::move(result));
          });
        });
  });
}

}  // namespace ddskey
