// The names under which backends were configured.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/keystore/sqlite_key_store.h"
#include "daemon/keystore/uuid.h"
#include "proto/contract/status_macros.h"

namespace ddskey {

std::string NameWithKind(const std::string& name, const std::string& kind) {
  return absl::StrCat(name, " (", kind, ")");
}

absl::StatusOr<SqliteKeyStore::BackendRow> SqliteKeyStore::FindBackend(const std::string& name,
                                                                       const std::string& kind) {
  const std::string with_kind = NameWithKind(name, kind);
  ASSIGN_OR_RETURN(Statement row,
                   database_->Query("SELECT uuid, name, kind FROM backend WHERE name = ? OR (name = ? AND kind = ?)",
                                    std::string_view(name), std::string_view(with_kind), std::string_view(kind)));
  BackendRow found;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, row.Step());
    if (!more) return found;
    if (row.String(2) == kind) {
      found.uuid = row.String(0);
      found.name = row.String(1);
    } else {
      found.namesake_kind = row.String(2);
    }
  }
}

absl::StatusOr<std::string> SqliteKeyStore::RegisterBackend(const std::string& name, const std::string& kind) {
  const std::lock_guard lock(writing_);
  ASSIGN_OR_RETURN(const BackendRow known, FindBackend(name, kind));
  if (known.name == name) return known.uuid;
  std::string uuid = known.uuid;
  if (uuid.empty()) {
    ASSIGN_OR_RETURN(uuid, NewUuid());
  }
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*database_));
  const std::string_view new_name = name;
  if (!known.namesake_kind.empty()) {
    const std::string yielded = NameWithKind(name, known.namesake_kind);
    RETURN_IF_ERROR(database_->Run("UPDATE backend SET name = ? WHERE name = ?", std::string_view(yielded), new_name));
  }
  if (known.uuid.empty()) {
    RETURN_IF_ERROR(database_->Run("INSERT INTO backend (uuid, name, kind, created) VALUES (?, ?, ?, ?)",
                                   std::string_view(uuid), new_name, std::string_view(kind),
                                   absl::ToUnixMicros(absl::Now())));
  } else {
    RETURN_IF_ERROR(database_->Run("UPDATE backend SET name = ? WHERE uuid = ?", new_name, std::string_view(uuid)));
  }
  RETURN_IF_ERROR(transaction.Commit());
  RETURN_IF_ERROR(LoadBackends());
  return uuid;
}

absl::Status SqliteKeyStore::LoadBackends() {
  ASSIGN_OR_RETURN(Statement rows, database_->Query("SELECT uuid, name, kind FROM backend ORDER BY name"));
  std::vector<StoredBackend> backends;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) break;
    backends.push_back({.uuid = rows.String(0), .name = rows.String(1), .kind = rows.String(2)});
  }
  const std::lock_guard lock(reading_);
  backends_ = std::move(backends);
  return absl::OkStatus();
}

std::vector<StoredBackend> SqliteKeyStore::Backends() const {
  const std::shared_lock lock(reading_);
  return backends_;
}

}  // namespace ddskey
