#include "daemon/keystore/schema.h"

#include <fcntl.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "daemon/keystore/files.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

// "ddsk": tells a keystore from other SQLite databases.
constexpr int64_t kApplicationId = 0x6464736b;

// Times are microseconds since 1970. `authorisation` (a sealed value) and `pcr_description` belong to backends whose
// keys need them; `revocation_list` holds one list for each issuer and identity, with its CRL number (S-8).
constexpr char kVersion1[] = R"(
CREATE TABLE store (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  instance_uuid TEXT NOT NULL,
  created INTEGER NOT NULL
) STRICT;
CREATE TABLE backend (
  uuid TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  created INTEGER NOT NULL
) STRICT;
CREATE TABLE identity (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  anchors BLOB NOT NULL DEFAULT x'',
  created INTEGER NOT NULL
) STRICT;
CREATE TABLE generation (
  uuid TEXT NOT NULL PRIMARY KEY,
  identity_id INTEGER NOT NULL REFERENCES identity (id) ON DELETE CASCADE,
  number INTEGER NOT NULL CHECK (number >= 1),
  state INTEGER NOT NULL CHECK (state IN (1, 2, 3)),
  backend_uuid TEXT NOT NULL REFERENCES backend (uuid),
  algorithm INTEGER NOT NULL CHECK (algorithm >= 1),
  purpose INTEGER NOT NULL CHECK (purpose >= 1),
  blob BLOB NOT NULL,
  public_key BLOB NOT NULL,
  certificate_chain BLOB NOT NULL DEFAULT x'',
  authorisation BLOB,
  pcr_description BLOB,
  created INTEGER NOT NULL,
  UNIQUE (identity_id, number)
) STRICT;
CREATE UNIQUE INDEX current_generation ON generation (identity_id) WHERE state = 2;
CREATE TABLE revocation_list (
  identity_id INTEGER NOT NULL REFERENCES identity (id) ON DELETE CASCADE,
  issuer BLOB NOT NULL,
  number BLOB,
  list BLOB NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (identity_id, issuer)
) STRICT;
)";

// A list is also told apart by its authorityKeyIdentifier: a CA may be given a new key under its old name. The options
// are the numbers of Strictness.
constexpr char kVersion2[] = R"(
ALTER TABLE identity ADD COLUMN key_usage INTEGER NOT NULL DEFAULT 2 CHECK (key_usage IN (1, 2, 3));
ALTER TABLE identity ADD COLUMN missing_list INTEGER NOT NULL DEFAULT 1 CHECK (missing_list IN (1, 2, 3));
ALTER TABLE identity ADD COLUMN outdated_list INTEGER NOT NULL DEFAULT 3 CHECK (outdated_list IN (1, 2, 3));
ALTER TABLE identity ADD COLUMN permissions_sha256 BLOB NOT NULL DEFAULT x'';
ALTER TABLE identity ADD COLUMN keep_pem_text INTEGER NOT NULL DEFAULT 0 CHECK (keep_pem_text IN (0, 1));
ALTER TABLE identity ADD COLUMN ocsp_response BLOB NOT NULL DEFAULT x'';
ALTER TABLE revocation_list RENAME TO old_revocation_list;
CREATE TABLE revocation_list (
  identity_id INTEGER NOT NULL REFERENCES identity (id) ON DELETE CASCADE,
  issuer BLOB NOT NULL,
  authority_key BLOB NOT NULL DEFAULT x'',
  number BLOB,
  list BLOB NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (identity_id, issuer, authority_key)
) STRICT;
INSERT INTO revocation_list (identity_id, issuer, number, list, created)
  SELECT identity_id, issuer, number, list, created FROM old_revocation_list;
DROP TABLE old_revocation_list;
)";

// What was taken from files of revocation lists, by the path of the file, so that an older one is known as such after a
// restart; and the last time at which the clock was known to be right.
constexpr char kVersion3[] = R"(
CREATE TABLE file_revocation_list (
  path TEXT NOT NULL,
  issuer BLOB NOT NULL,
  authority_key BLOB NOT NULL,
  list BLOB NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (path, issuer, authority_key)
) STRICT;
CREATE TABLE clock (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  last_good INTEGER NOT NULL
) STRICT;
)";

// An identity keeps its own name when its first generation goes. `replaced` is when a generation became old; a key that
// was made old before this schema was never in use by it, so none has to be set.
constexpr char kVersion4[] = R"(
ALTER TABLE identity ADD COLUMN uuid TEXT NOT NULL DEFAULT '';
UPDATE identity SET uuid = COALESCE(
  (SELECT uuid FROM generation WHERE identity_id = identity.id ORDER BY number LIMIT 1), '');
ALTER TABLE identity ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1));
ALTER TABLE generation ADD COLUMN replaced INTEGER;
CREATE UNIQUE INDEX next_generation ON generation (identity_id) WHERE state = 1;
)";

constexpr char kVersion5[] = R"(
ALTER TABLE generation ADD COLUMN imported INTEGER NOT NULL DEFAULT 0 CHECK (imported IN (0, 1));
ALTER TABLE generation ADD COLUMN left_custody INTEGER NOT NULL DEFAULT 0 CHECK (left_custody IN (0, 1));
)";

constexpr Migration kMigrations[] = {{1, kVersion1}, {2, kVersion2}, {3, kVersion3}, {4, kVersion4}, {5, kVersion5}};

// KeepCopy leaves the database as it is in the file `copy`: complete and on the disk, or not there.
absl::Status KeepCopy(Database& database, const std::string& copy) {
  const std::string unfinished = absl::StrCat(copy, ".new");
  RETURN_IF_ERROR(RemoveFile(unfinished));
  RETURN_IF_ERROR(CreateFile(unfinished));
  RETURN_IF_ERROR(database.Run("VACUUM INTO ?", std::string_view(unfinished)));
  RETURN_IF_ERROR(SyncFile(unfinished));
  return RenameFile(unfinished, copy);
}

absl::Status CheckKind(Database& database, int64_t version) {
  ASSIGN_OR_RETURN(const int64_t application, database.QueryInteger("PRAGMA application_id"));
  ASSIGN_OR_RETURN(const int64_t tables, database.QueryInteger("SELECT count(*) FROM sqlite_schema"));
  const bool is_new = version == 0 && application == 0 && tables == 0;
  if (is_new || (version > 0 && application == kApplicationId)) return absl::OkStatus();
  return absl::FailedPreconditionError("the file is a database, but not a keystore");
}

}  // namespace

std::span<const Migration> Migrations() { return kMigrations; }

absl::Status Migrate(Database& database, const std::string& path, std::span<const Migration> migrations) {
  ASSIGN_OR_RETURN(const int64_t version, database.QueryInteger("PRAGMA user_version"));
  RETURN_IF_ERROR(CheckKind(database, version));
  const int64_t last = migrations.back().version;
  if (version > last) {
    return absl::FailedPreconditionError(absl::StrCat("the keystore was written by a newer ddskeyd (schema ", version,
                                                      "; this one knows ", last, "); install that or restore a copy"));
  }
  if (version == last) return absl::OkStatus();
  if (version > 0) RETURN_IF_ERROR(KeepCopy(database, absl::StrCat(path, ".version-", version)));
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database));
  for (const Migration& migration : migrations) {
    if (migration.version > version) RETURN_IF_ERROR(database.Execute(migration.statements));
  }
  RETURN_IF_ERROR(database.Execute(
      absl::StrCat("PRAGMA application_id = ", kApplicationId, "; PRAGMA user_version = ", last, ";")));
  return transaction.Commit();
}

}  // namespace ddskey
