// How identities with their generations get into the database, and into another state.
#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/keystore/sqlite_key_store.h"
#include "daemon/keystore/uuid.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

// CheckGenerations makes sure that what is written can be loaded again.
absl::Status CheckGenerations(const Identity& identity) {
  const auto in = [&](GenerationState state) {
    return std::ranges::count(identity.generations, state, &KeyGeneration::state);
  };
  const ptrdiff_t known = std::ranges::count_if(identity.generations, [](const KeyGeneration& generation) {
    return ParseAlgorithm(AlgorithmName(generation.algorithm)).has_value() &&
           ParsePurpose(PurposeName(generation.purpose)).has_value();
  });
  const ptrdiff_t ordered = in(GenerationState::kNext) + in(GenerationState::kCurrent) + in(GenerationState::kOld);
  const auto all = static_cast<ptrdiff_t>(identity.generations.size());
  if (in(GenerationState::kCurrent) != 1 || in(GenerationState::kNext) > 1 || ordered != all || known != all) {
    return absl::InvalidArgumentError(
        "an identity has one current generation and at most one next, of known algorithms and purposes");
  }
  return absl::OkStatus();
}

// WithUuids names the generations that have no name yet.
absl::StatusOr<Identity> WithUuids(const Identity& identity) {
  Identity named = identity;
  for (KeyGeneration& generation : named.generations) {
    if (!generation.uuid.empty()) continue;
    ASSIGN_OR_RETURN(generation.uuid, NewUuid());
  }
  return named;
}

}  // namespace

absl::Status SqliteKeyStore::InsertGeneration(const KeyName& name, const KeyGeneration& generation) {
  RETURN_IF_ERROR(database_->Run(
      "INSERT INTO generation (uuid, identity_id, number, state, backend_uuid, algorithm, purpose, blob, public_key,"
      " certificate_chain, created, imported, left_custody)"
      " VALUES (?, (SELECT id FROM identity WHERE name = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      std::string_view(generation.uuid), std::string_view(name.text()), static_cast<int64_t>(generation.number),
      static_cast<int64_t>(generation.state), std::string_view(generation.backend_uuid),
      static_cast<int64_t>(generation.algorithm), static_cast<int64_t>(generation.purpose), Octets{generation.blob},
      Octets{generation.public_key}, Octets{generation.certificate_chain}, absl::ToUnixMicros(generation.created),
      static_cast<int64_t>(generation.imported), static_cast<int64_t>(generation.left_custody)));
  if (generation.state != GenerationState::kOld) return absl::OkStatus();
  return database_->Run("UPDATE generation SET replaced = ? WHERE uuid = ?", absl::ToUnixMicros(generation.replaced),
                        std::string_view(generation.uuid));
}

absl::Status SqliteKeyStore::WriteTrust(const KeyName& name, const IdentityTrust& trust) {
  const std::string_view text(name.text());
  const ValidationOptions& options = trust.options;
  RETURN_IF_ERROR(database_->Run(
      "UPDATE identity SET anchors = ?, key_usage = ?, missing_list = ?, outdated_list = ?, permissions_sha256 = ?,"
      " keep_pem_text = ?, ocsp_response = ? WHERE name = ?",
      Octets{trust.anchors}, static_cast<int64_t>(options.key_usage),
      static_cast<int64_t>(options.missing_revocation_list), static_cast<int64_t>(options.outdated_revocation_list),
      Octets{trust.permissions_sha256}, static_cast<int64_t>(trust.keep_pem_text), Octets{trust.ocsp_response}, text));
  RETURN_IF_ERROR(
      database_->Run("DELETE FROM revocation_list WHERE identity_id = (SELECT id FROM identity WHERE name = ?)", text));
  for (const StoredRevocationList& list : trust.revocation_lists) {
    RETURN_IF_ERROR(
        database_->Run("INSERT INTO revocation_list (identity_id, issuer, authority_key, number, list, created)"
                       " VALUES ((SELECT id FROM identity WHERE name = ?), ?, ?, ?, ?, ?)",
                       text, Octets{list.issuer}, Octets{list.authority_key}, Octets{list.number}, Octets{list.pem},
                       absl::ToUnixMicros(absl::Now())));
  }
  return absl::OkStatus();
}

absl::Status SqliteKeyStore::InsertIdentity(const Identity& identity) {
  RETURN_IF_ERROR(database_->Run("INSERT INTO identity (name, created, uuid, deleted, disabled) VALUES (?, ?, ?, ?, ?)",
                                 std::string_view(identity.name.text()),
                                 absl::ToUnixMicros(identity.generations.front().created),
                                 std::string_view(identity.uuid), static_cast<int64_t>(identity.deleted),
                                 static_cast<int64_t>(identity.disabled)));
  for (const KeyGeneration& generation : identity.generations) {
    RETURN_IF_ERROR(InsertGeneration(identity.name, generation));
  }
  return WriteTrust(identity.name, identity.trust);
}

absl::Status SqliteKeyStore::AddIdentity(const Identity& identity) {
  RETURN_IF_ERROR(CheckGenerations(identity));
  ASSIGN_OR_RETURN(Identity added, WithUuids(identity));
  if (added.uuid.empty()) added.uuid = added.generations.front().uuid;
  const std::lock_guard lock(writing_);
  if (const auto taken = Find(identity.name); taken.ok()) {
    return absl::AlreadyExistsError(absl::StrCat("there is a key named ", identity.name.text(),
                                                 (*taken)->deleted ? ", deleted but not purged" : " already"));
  }
  return Change(identity.name, [&] { return InsertIdentity(added); });
}

absl::Status SqliteKeyStore::CreateIdentity(const KeyName& name, const KeyGeneration& generation) {
  return AddIdentity(Identity{.name = name, .deleted = false, .generations = {generation}, .trust = {}});
}

absl::Status SqliteKeyStore::ReplaceIdentity(const std::shared_ptr<const Identity>& expected, const Identity& changed) {
  RETURN_IF_ERROR(CheckGenerations(changed));
  ASSIGN_OR_RETURN(const Identity named, WithUuids(changed));
  const std::lock_guard lock(writing_);
  const auto found = Find(changed.name);
  if (!found.ok() || *found != expected) {
    return absl::AbortedError(absl::StrCat("the key ", changed.name.text(), " was changed meanwhile"));
  }
  return Change(changed.name, [&]() -> absl::Status {
    const std::string_view name(changed.name.text());
    RETURN_IF_ERROR(database_->Run("UPDATE identity SET deleted = ?, disabled = ? WHERE name = ?",
                                   static_cast<int64_t>(changed.deleted), static_cast<int64_t>(changed.disabled),
                                   name));
    RETURN_IF_ERROR(
        database_->Run("DELETE FROM generation WHERE identity_id = (SELECT id FROM identity WHERE name = ?)", name));
    for (const KeyGeneration& generation : named.generations) {
      RETURN_IF_ERROR(InsertGeneration(changed.name, generation));
    }
    if (changed.current().uuid == expected->current().uuid) return absl::OkStatus();
    // What a responder said is of the certificate before.
    return database_->Run("UPDATE identity SET ocsp_response = x'' WHERE name = ?", name);
  });
}

}  // namespace ddskey
