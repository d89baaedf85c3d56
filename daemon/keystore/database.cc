#include "daemon/keystore/database.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace ddskey {
namespace {

// The largest value of a row; CRLs are the largest things that a keystore will hold.
constexpr int kLargestValue = 16 * 1024 * 1024;

absl::StatusCode CodeOf(int result) {
  switch (result & 0xff) {
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return absl::StatusCode::kFailedPrecondition;
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
      return absl::StatusCode::kInvalidArgument;
    case SQLITE_FULL:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::Status ErrorOf(sqlite3* connection, int result) {
  if (result == SQLITE_OK) return absl::OkStatus();
  const char* text = connection == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(connection);
  switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::FailedPreconditionError("the keystore is open in another process");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    // The statements are ours: if one does not fit, the tables are not those we made.
    case SQLITE_ERROR:
      return absl::DataLossError(absl::StrCat("the keystore is damaged (", text, "); restore it from a copy"));
    default:
      return absl::Status(CodeOf(result), absl::StrCat("the keystore's database: ", text));
  }
}

}  // namespace

absl::StatusOr<bool> Statement::Step() {
  if (bound_ != SQLITE_OK) return ErrorOf(nullptr, bound_);
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return ErrorOf(sqlite3_db_handle(statement_.get()), result);
}

int64_t Statement::Integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }

std::string Statement::String(int column) const {
  const auto* octets = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return octets == nullptr ? std::string() : std::string(octets, static_cast<size_t>(size));
}

void Statement::Bind(int index, int64_t value) { Keep(sqlite3_bind_int64(statement_.get(), index, value)); }

// A null pointer would bind NULL.

void Statement::Bind(int index, std::string_view value) {
  const char* const text = value.empty() ? "" : value.data();
  Keep(sqlite3_bind_text64(statement_.get(), index, text, value.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::Bind(int index, Octets octets) {
  const char* const data = octets.value.empty() ? "" : octets.value.data();
  Keep(sqlite3_bind_blob64(statement_.get(), index, data, octets.value.size(), SQLITE_STATIC));
}

void Statement::Keep(int result) {
  if (bound_ == SQLITE_OK) bound_ = result;
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path) {
  sqlite3* connection = nullptr;
  // Whoever uses a connection holds a lock of ours already.
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
  const int result = sqlite3_open_v2(path.c_str(), &connection, kFlags, nullptr);
  std::unique_ptr<Database> database(new Database(connection));
  if (result != SQLITE_OK) return ErrorOf(connection, result);
  RETURN_IF_ERROR(database->Configure());
  return database;
}

absl::Status Database::Configure() {
  sqlite3* const connection = connection_.get();
  sqlite3_extended_result_codes(connection, 1);
  sqlite3_limit(connection, SQLITE_LIMIT_LENGTH, kLargestValue);
  sqlite3_limit(connection, SQLITE_LIMIT_ATTACHED, 1);  // VACUUM INTO attaches the copy.
  // A file that was tampered with must not run code of its own: no triggers and views, no functions in the schema.
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  RETURN_IF_ERROR(
      Execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;"
              "PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;"
              "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL;"));
  // Undoes what a killed daemon left half-done, and takes the lock, which the locking mode then keeps.
  return Execute("BEGIN EXCLUSIVE; COMMIT;");
}

absl::Status Database::Execute(const std::string& statements) {
  return ErrorOf(connection_.get(), sqlite3_exec(connection_.get(), statements.c_str(), nullptr, nullptr, nullptr));
}

absl::StatusOr<Statement> Database::Prepare(const char* statement) {
  sqlite3_stmt* prepared = nullptr;
  const int result = sqlite3_prepare_v2(connection_.get(), statement, -1, &prepared, nullptr);
  Statement owner(prepared);
  if (result != SQLITE_OK) return ErrorOf(connection_.get(), result);
  return owner;
}

absl::StatusOr<int64_t> Database::QueryInteger(const char* statement) {
  ASSIGN_OR_RETURN(Statement prepared, Prepare(statement));
  ASSIGN_OR_RETURN(const bool has_row, prepared.Step());
  if (!has_row) return absl::DataLossError("the keystore is damaged (a row is missing); restore it from a copy");
  return prepared.Integer(0);
}

absl::Status Database::CheckIntegrity() {
  ASSIGN_OR_RETURN(Statement check, Prepare("PRAGMA integrity_check(1)"));
  ASSIGN_OR_RETURN(const bool has_row, check.Step());
  const std::string verdict = has_row ? check.String(0) : std::string("no answer");
  if (verdict != "ok") {
    return absl::DataLossError(absl::StrCat("the keystore is damaged (", verdict, "); restore it from a copy"));
  }
  ASSIGN_OR_RETURN(Statement dangling, Prepare("PRAGMA foreign_key_check"));
  ASSIGN_OR_RETURN(const bool is_dangling, dangling.Step());
  if (is_dangling) {
    return absl::DataLossError(absl::StrCat("the keystore is damaged (a row of ", dangling.String(0),
                                            " belongs to none); restore it from a copy"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Transaction> Transaction::Begin(Database& database) {
  RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() { Undo(); }

void Transaction::Undo() {
  // SQLite has already undone it after some errors; then this fails, and that is right.
  if (database_ != nullptr) database_->Execute("ROLLBACK").IgnoreError();
  database_ = nullptr;
}

absl::Status Transaction::Commit() {
  RETURN_IF_ERROR(database_->Execute("COMMIT"));
  database_ = nullptr;
  return absl::OkStatus();
}

}  // namespace ddskey
