#include "daemon/keystore/sqlite_key_store.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/keystore/uuid.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr size_t kSmallestPage = 512;

absl::Status NotFound(const KeyName& name) {
  return absl::NotFoundError(absl::StrCat("there is no key named ", name.text()));
}

absl::Status Damaged(const std::string& what) {
  return absl::DataLossError(absl::StrCat("the keystore is damaged (", what, "); restore it from a copy"));
}

// PrepareNew makes a complete new keystore under another name and moves it to `path`: so a file there is never
// half-made, and an empty one is damage.
absl::Status PrepareNew(const std::string& path, std::span<const Migration> migrations) {
  const std::string unfinished = absl::StrCat(path, ".new");
  RETURN_IF_ERROR(RemoveFile(unfinished));
  RETURN_IF_ERROR(RemoveFile(absl::StrCat(unfinished, "-journal")));
  RETURN_IF_ERROR(CreateFile(unfinished));
  {
    ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, Database::Open(unfinished));
    RETURN_IF_ERROR(Migrate(*database, unfinished, migrations));
    ASSIGN_OR_RETURN(const std::string uuid, NewUuid());
    RETURN_IF_ERROR(database->Run("INSERT INTO store (id, instance_uuid, created) VALUES (1, ?, ?)",
                                  std::string_view(uuid), absl::ToUnixMicros(absl::Now())));
  }
  RETURN_IF_ERROR(RemoveFile(absl::StrCat(unfinished, "-journal")));
  RETURN_IF_ERROR(SyncFile(unfinished));
  return RenameFile(unfinished, path);
}

absl::StatusOr<KeyGeneration> ReadGeneration(const Statement& row) {
  KeyGeneration generation;
  generation.uuid = row.String(0);
  generation.number = static_cast<uint32_t>(row.Integer(1));
  generation.state = static_cast<GenerationState>(row.Integer(2));
  generation.backend_uuid = row.String(3);
  generation.algorithm = static_cast<KeyAlgorithm>(row.Integer(4));
  generation.purpose = static_cast<KeyPurpose>(row.Integer(5));
  generation.blob = row.String(6);
  generation.public_key = row.String(7);
  generation.certificate_chain = row.String(8);
  generation.created = absl::FromUnixMicros(row.Integer(9));
  if (generation.state == GenerationState::kOld) generation.replaced = absl::FromUnixMicros(row.Integer(10));
  generation.imported = row.Integer(11) != 0;
  generation.left_custody = row.Integer(12) != 0;
  if (!ParseAlgorithm(AlgorithmName(generation.algorithm)).has_value() ||
      !ParsePurpose(PurposeName(generation.purpose)).has_value()) {
    return Damaged(absl::StrCat("key ", generation.uuid, " has an unknown algorithm or purpose"));
  }
  return generation;
}

// ReadTrust reads what is in the row of an identity.
IdentityTrust ReadTrust(const Statement& row) {
  return {.anchors = row.String(2),
          .revocation_lists = {},
          .options = {.key_usage = static_cast<Strictness>(row.Integer(3)),
                      .missing_revocation_list = static_cast<Strictness>(row.Integer(4)),
                      .outdated_revocation_list = static_cast<Strictness>(row.Integer(5))},
          .permissions_sha256 = row.String(6),
          .keep_pem_text = row.Integer(7) != 0,
          .ocsp_response = row.String(8)};
}

}  // namespace

const KeyGeneration& Identity::current() const {
  const auto found = std::find_if(generations.begin(), generations.end(), [](const KeyGeneration& generation) {
    return generation.state == GenerationState::kCurrent;
  });
  // The store loads no identity without one.
  if (found == generations.end()) std::abort();
  return *found;
}

const KeyGeneration* Identity::next() const {
  const auto found = std::ranges::find(generations, GenerationState::kNext, &KeyGeneration::state);
  return found == generations.end() ? nullptr : &*found;
}

absl::StatusOr<std::unique_ptr<KeyStore>> KeyStore::Open(const std::string& path) {
  return SqliteKeyStore::Open(path, Migrations());
}

absl::StatusOr<std::unique_ptr<SqliteKeyStore>> SqliteKeyStore::Open(const std::string& path,
                                                                     std::span<const Migration> migrations) {
  RETURN_IF_ERROR(CheckFolderOf(path));
  ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock, FileLock::Take(absl::StrCat(path, ".lock")));
  ASSIGN_OR_RETURN(const std::optional<size_t> size, CheckFile(path));
  if (!size.has_value()) RETURN_IF_ERROR(PrepareNew(path, migrations));
  // SQLite would take less than a page for a new database.
  if (size.has_value() && *size < kSmallestPage) return Damaged("it is empty");
  ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(path));
  RETURN_IF_ERROR(database->CheckIntegrity());
  RETURN_IF_ERROR(Migrate(*database, path, migrations));
  std::unique_ptr<SqliteKeyStore> store(
      new SqliteKeyStore(std::move(lock), std::move(database), migrations.back().version));
  RETURN_IF_ERROR(store->LoadAll());
  return store;
}

absl::Status SqliteKeyStore::LoadAll() {
  ASSIGN_OR_RETURN(Statement instance, database_->Query("SELECT instance_uuid FROM store"));
  ASSIGN_OR_RETURN(const bool has_instance, instance.Step());
  if (!has_instance) return Damaged("it has no name");
  instance_uuid_ = instance.String(0);
  RETURN_IF_ERROR(LoadBackends());
  ASSIGN_OR_RETURN(Statement names, database_->Query("SELECT name FROM identity"));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, names.Step());
    if (!more) return absl::OkStatus();
    const std::optional<KeyName> name = KeyName::Parse(names.String(0));
    if (!name.has_value()) return Damaged("a key has an impossible name");
    ASSIGN_OR_RETURN(std::shared_ptr<const Identity> identity, Load(*name));
    Show(*name, std::move(identity));
  }
}

absl::StatusOr<std::shared_ptr<const Identity>> SqliteKeyStore::Load(const KeyName& name) {
  ASSIGN_OR_RETURN(
      Statement row,
      database_->Query("SELECT id, deleted, anchors, key_usage, missing_list, outdated_list, permissions_sha256,"
                       " keep_pem_text, ocsp_response, uuid, disabled FROM identity WHERE name = ?",
                       std::string_view(name.text())));
  ASSIGN_OR_RETURN(const bool found, row.Step());
  if (!found) return std::shared_ptr<const Identity>();
  auto identity = std::make_shared<Identity>(Identity{.name = name,
                                                      .deleted = row.Integer(1) != 0,
                                                      .generations = {},
                                                      .trust = ReadTrust(row),
                                                      .uuid = row.String(9),
                                                      .disabled = row.Integer(10) != 0});
  RETURN_IF_ERROR(LoadGenerations(row.Integer(0), *identity));
  RETURN_IF_ERROR(LoadRevocationLists(row.Integer(0), *identity));
  return identity;
}

absl::Status SqliteKeyStore::LoadGenerations(int64_t row, Identity& identity) {
  ASSIGN_OR_RETURN(Statement generations,
                   database_->Query("SELECT uuid, number, state, backend_uuid, algorithm, purpose, blob, public_key,"
                                    " certificate_chain, created, replaced, imported, left_custody FROM generation "
                                    "WHERE identity_id = ? ORDER BY number",
                                    row));
  bool has_current = false;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, generations.Step());
    if (!more) break;
    ASSIGN_OR_RETURN(KeyGeneration generation, ReadGeneration(generations));
    has_current = has_current || generation.state == GenerationState::kCurrent;
    identity.generations.push_back(std::move(generation));
  }
  return has_current ? absl::OkStatus()
                     : Damaged(absl::StrCat("the key ", identity.name.text(), " has no current generation"));
}

absl::Status SqliteKeyStore::LoadRevocationLists(int64_t row, Identity& identity) {
  ASSIGN_OR_RETURN(
      Statement lists,
      database_->Query("SELECT issuer, authority_key, number, list FROM revocation_list WHERE identity_id = ?"
                       " ORDER BY issuer, authority_key",
                       row));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, lists.Step());
    if (!more) return absl::OkStatus();
    identity.trust.revocation_lists.push_back({.issuer = lists.String(0),
                                               .authority_key = lists.String(1),
                                               .number = lists.String(2),
                                               .pem = lists.String(3)});
  }
}

void SqliteKeyStore::Show(const KeyName& name, std::shared_ptr<const Identity> identity) {
  const std::lock_guard lock(reading_);
  if (identity == nullptr) {
    identities_.erase(name);
  } else {
    identities_.insert_or_assign(name, std::move(identity));
  }
}

absl::Status SqliteKeyStore::Change(const KeyName& name, const std::function<absl::Status()>& change) {
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*database_));
  RETURN_IF_ERROR(change());
  ASSIGN_OR_RETURN(std::shared_ptr<const Identity> changed, Load(name));
  absl::Status committed = transaction.Commit();
  if (!committed.ok()) {
    // The disk failed at the last moment: what it holds now is the truth.
    transaction.Undo();
    ASSIGN_OR_RETURN(changed, Load(name));
  }
  Show(name, std::move(changed));
  return committed;
}

absl::Status SqliteKeyStore::InstallCertificate(const KeyName& name, const std::string& generation_uuid,
                                                const std::string& certificate_chain, const std::string& anchors) {
  const std::lock_guard lock(writing_);
  ASSIGN_OR_RETURN(const std::shared_ptr<const Identity> identity, Find(name));
  if (identity->deleted) return NotFound(name);
  if (identity->current().uuid != generation_uuid) {
    return absl::AbortedError(absl::StrCat("the key ", name.text(), " was renewed meanwhile"));
  }
  return Change(name, [&]() -> absl::Status {
    RETURN_IF_ERROR(database_->Run("UPDATE generation SET certificate_chain = ? WHERE uuid = ?",
                                   Octets{certificate_chain}, std::string_view(generation_uuid)));
    // It was about the certificate before.
    RETURN_IF_ERROR(
        database_->Run("UPDATE identity SET ocsp_response = x'' WHERE name = ?", std::string_view(name.text())));
    if (anchors.empty()) return absl::OkStatus();
    return database_->Run("UPDATE identity SET anchors = ? WHERE name = ?", Octets{anchors},
                          std::string_view(name.text()));
  });
}

absl::Status SqliteKeyStore::SetTrust(const KeyName& name, const std::shared_ptr<const Identity>& expected,
                                      const IdentityTrust& trust) {
  const std::lock_guard lock(writing_);
  ASSIGN_OR_RETURN(const std::shared_ptr<const Identity> identity, Find(name));
  if (identity->deleted) return NotFound(name);
  if (identity != expected) return absl::AbortedError(absl::StrCat("the key ", name.text(), " was changed meanwhile"));
  return Change(name, [&] { return WriteTrust(name, trust); });
}

absl::Status SqliteKeyStore::DeleteIdentity(const KeyName& name) {
  const std::lock_guard lock(writing_);
  ASSIGN_OR_RETURN(const std::shared_ptr<const Identity> identity, Find(name));
  if (identity->deleted) return NotFound(name);
  return Change(name, [&] {
    return database_->Run("UPDATE identity SET deleted = 1 WHERE name = ?", std::string_view(name.text()));
  });
}

absl::Status SqliteKeyStore::PurgeIdentity(const KeyName& name) {
  const std::lock_guard lock(writing_);
  RETURN_IF_ERROR(Find(name).status());
  return Change(name,
                [&] { return database_->Run("DELETE FROM identity WHERE name = ?", std::string_view(name.text())); });
}

absl::StatusOr<std::shared_ptr<const Identity>> SqliteKeyStore::Find(const KeyName& name) const {
  const std::shared_lock lock(reading_);
  const auto found = identities_.find(name);
  if (found == identities_.end()) return NotFound(name);
  return found->second;
}

std::vector<std::shared_ptr<const Identity>> SqliteKeyStore::List() const {
  const std::shared_lock lock(reading_);
  std::vector<std::shared_ptr<const Identity>> all;
  all.reserve(identities_.size());
  for (const auto& [name, identity] : identities_) all.push_back(identity);
  return all;
}

}  // namespace ddskey
