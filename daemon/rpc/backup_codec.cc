#include "daemon/rpc/backup_codec.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

void EncodeGeneration(const KeyGeneration& generation, const std::vector<StoredBackend>& backends,
                      v1::BackupGeneration& out) {
  out.set_number(generation.number);
  out.set_state(static_cast<uint32_t>(generation.state));
  out.set_uuid(generation.uuid);
  if (const auto backend = std::ranges::find(backends, generation.backend_uuid, &StoredBackend::uuid);
      backend != backends.end()) {
    out.set_backend_name(backend->name);
    out.set_backend_kind(backend->kind);
  }
  out.set_algorithm(std::string(AlgorithmName(generation.algorithm)));
  out.set_purpose(std::string(PurposeName(generation.purpose)));
  out.set_blob(generation.blob);
  out.set_public_key(generation.public_key);
  out.set_certificate_chain(generation.certificate_chain);
  out.set_created(absl::ToUnixMicros(generation.created));
  out.set_imported(generation.imported);
  out.set_left_custody(generation.left_custody);
  if (generation.state == GenerationState::kOld) out.set_replaced(absl::ToUnixMicros(generation.replaced));
}

absl::StatusOr<KeyGeneration> DecodeGeneration(const v1::BackupGeneration& in) {
  const auto algorithm = ParseAlgorithm(in.algorithm());
  const auto purpose = ParsePurpose(in.purpose());
  if (!algorithm.has_value() || !purpose.has_value() || in.state() < 1 || in.state() > 3) {
    return absl::InvalidArgumentError(
        "a generation is of an algorithm, purpose or state that this daemon does not know");
  }
  KeyGeneration generation;
  generation.number = in.number();
  generation.state = static_cast<GenerationState>(in.state());
  generation.uuid = in.uuid();
  generation.algorithm = *algorithm;
  generation.purpose = *purpose;
  generation.blob = in.blob();
  generation.public_key = in.public_key();
  generation.certificate_chain = in.certificate_chain();
  generation.created = absl::FromUnixMicros(in.created());
  generation.imported = in.imported();
  generation.left_custody = in.left_custody();
  if (generation.state == GenerationState::kOld) generation.replaced = absl::FromUnixMicros(in.replaced());
  return generation;
}

absl::StatusOr<Strictness> DecodeStrictness(v1::Strictness strictness) {
  // The numbers are the same.
  if (strictness < v1::STRICTNESS_IGNORE || strictness > v1::STRICTNESS_REQUIRE) {
    return absl::InvalidArgumentError("a strictness is none that this daemon knows");
  }
  return static_cast<Strictness>(strictness);
}

absl::StatusOr<IdentityTrust> DecodeTrust(const v1::BackupIdentity& in) {
  IdentityTrust trust;
  trust.anchors = in.anchors();
  for (const v1::BackupRevocationList& list : in.revocation_lists()) {
    trust.revocation_lists.push_back(
        {.issuer = list.issuer(), .authority_key = list.authority_key(), .number = list.number(), .pem = list.list()});
  }
  ASSIGN_OR_RETURN(trust.options.key_usage, DecodeStrictness(in.key_usage()));
  ASSIGN_OR_RETURN(trust.options.missing_revocation_list, DecodeStrictness(in.missing_revocation_list()));
  ASSIGN_OR_RETURN(trust.options.outdated_revocation_list, DecodeStrictness(in.outdated_revocation_list()));
  trust.permissions_sha256 = in.permissions_sha256();
  trust.keep_pem_text = in.keep_pem_text();
  trust.ocsp_response = in.ocsp_response();
  return trust;
}

}  // namespace

v1::BackupIdentity EncodeIdentity(const Identity& identity, const std::vector<StoredBackend>& backends) {
  v1::BackupIdentity out;
  out.set_name(identity.name.text());
  out.set_uuid(identity.uuid);
  out.set_deleted(identity.deleted);
  out.set_disabled(identity.disabled);
  for (const KeyGeneration& generation : identity.generations) {
    EncodeGeneration(generation, backends, *out.add_generations());
  }
  const IdentityTrust& trust = identity.trust;
  out.set_anchors(trust.anchors);
  for (const StoredRevocationList& list : trust.revocation_lists) {
    v1::BackupRevocationList& entry = *out.add_revocation_lists();
    entry.set_issuer(list.issuer);
    entry.set_authority_key(list.authority_key);
    entry.set_number(list.number);
    entry.set_list(list.pem);
  }
  out.set_key_usage(static_cast<v1::Strictness>(trust.options.key_usage));
  out.set_missing_revocation_list(static_cast<v1::Strictness>(trust.options.missing_revocation_list));
  out.set_outdated_revocation_list(static_cast<v1::Strictness>(trust.options.outdated_revocation_list));
  out.set_permissions_sha256(trust.permissions_sha256);
  out.set_keep_pem_text(trust.keep_pem_text);
  out.set_ocsp_response(trust.ocsp_response);
  return out;
}

absl::StatusOr<DecodedIdentity> DecodeIdentity(const v1::BackupIdentity& identity) {
  const auto name = KeyName::Parse(identity.name());
  if (!name.has_value()) return absl::InvalidArgumentError("the identity has no name that it could have");
  ASSIGN_OR_RETURN(IdentityTrust trust, DecodeTrust(identity));
  DecodedIdentity decoded = {.identity = {.name = *name,
                                          .deleted = identity.deleted(),
                                          .generations = {},
                                          .trust = std::move(trust),
                                          .uuid = identity.uuid(),
                                          .disabled = identity.disabled()},
                             .backends = {}};
  for (const v1::BackupGeneration& in : identity.generations()) {
    ASSIGN_OR_RETURN(decoded.identity.generations.emplace_back(), DecodeGeneration(in));
    decoded.backends.push_back({.uuid = "", .name = in.backend_name(), .kind = in.backend_kind()});
  }
  return decoded;
}

}  // namespace ddskey
