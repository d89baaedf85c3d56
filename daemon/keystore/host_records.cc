// What a keystore keeps of the host rather than of an identity: lists from files, and the clock.
#include <utility>

#include "absl/time/clock.h"
#include "daemon/keystore/sqlite_key_store.h"
#include "proto/contract/status_macros.h"

namespace ddskey {

absl::Status SqliteKeyStore::CheckIntegrity() {
  const std::lock_guard lock(writing_);
  return database_->CheckIntegrity();
}

absl::Status SqliteKeyStore::SaveFileList(const FileRevocationList& list) {
  const std::lock_guard lock(writing_);
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*database_));
  RETURN_IF_ERROR(
      database_->Run("INSERT OR REPLACE INTO file_revocation_list (path, issuer, authority_key, list, created)"
                     " VALUES (?, ?, ?, ?, ?)",
                     std::string_view(list.path), Octets{list.issuer}, Octets{list.authority_key}, Octets{list.der},
                     absl::ToUnixMicros(absl::Now())));
  return transaction.Commit();
}

absl::StatusOr<std::vector<FileRevocationList>> SqliteKeyStore::LoadFileLists() {
  const std::lock_guard lock(writing_);
  ASSIGN_OR_RETURN(Statement rows, database_->Query("SELECT path, issuer, authority_key, list FROM file_revocation_list"
                                                    " ORDER BY path, issuer, authority_key"));
  std::vector<FileRevocationList> lists;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return lists;
    lists.push_back(
        {.path = rows.String(0), .issuer = rows.String(1), .authority_key = rows.String(2), .der = rows.String(3)});
  }
}

absl::Status SqliteKeyStore::ForgetFileLists(const std::string& path) {
  const std::lock_guard lock(writing_);
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*database_));
  RETURN_IF_ERROR(database_->Run("DELETE FROM file_revocation_list WHERE path = ?", std::string_view(path)));
  return transaction.Commit();
}

absl::Status SqliteKeyStore::SaveLastGoodTime(absl::Time time) {
  const std::lock_guard lock(writing_);
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*database_));
  RETURN_IF_ERROR(
      database_->Run("INSERT OR REPLACE INTO clock (id, last_good) VALUES (1, ?)", absl::ToUnixMicros(time)));
  return transaction.Commit();
}

absl::StatusOr<absl::Time> SqliteKeyStore::LoadLastGoodTime() {
  const std::lock_guard lock(writing_);
  ASSIGN_OR_RETURN(Statement row, database_->Query("SELECT last_good FROM clock"));
  ASSIGN_OR_RETURN(const bool found, row.Step());
  return found ? absl::FromUnixMicros(row.Integer(0)) : absl::InfinitePast();
}

}  // namespace ddskey
