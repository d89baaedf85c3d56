#ifndef DAEMON_KEYSTORE_DATABASE_H_
#define DAEMON_KEYSTORE_DATABASE_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/contract/status_macros.h"

namespace ddskey {

// Octets marks a parameter as a BLOB; other strings are TEXT.
struct Octets {
  std::string_view value;
};

// Statement is a prepared statement with its parameters. Thread-compatible.
class Statement {
 public:
  // Step goes to the next row; false after the last.
  absl::StatusOr<bool> Step();

  // Values of the row, by column from 0.
  int64_t Integer(int column) const;
  std::string String(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };

  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  void Bind(int index, int64_t value);
  void Bind(int index, std::string_view value);
  void Bind(int index, Octets value);
  void Keep(int result);

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  // Of the first parameter that could not be bound, which Step reports.
  int bound_ = SQLITE_OK;
};

// Database is a connection to an SQLite database file, which nobody else can open meanwhile. Every transaction is
// synchronised to the disk before it is reported as done. Thread-compatible.
//
// The journal is a rollback journal that is cut to nothing at each commit: changes are rare, and between them all there
// is is one file, without the remains of erased rows that a write-ahead log would keep. (SQLite does not delete a
// journal while it keeps its lock: journal_mode DELETE would leave the old rows in it.)
class Database {
 public:
  // Open opens `path`, which must exist. FAILED_PRECONDITION while another connection has it open, DATA_LOSS if it is
  // damaged or not a database.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path);

  // Execute runs statements without parameters or results.
  absl::Status Execute(const std::string& statements);

  // Query prepares one statement. `parameters` are integers, texts and Octets; they must outlive the statement.
  template <typename... Parameters>
  absl::StatusOr<Statement> Query(const char* statement, const Parameters&... parameters) {
    ASSIGN_OR_RETURN(Statement prepared, Prepare(statement));
    int index = 0;
    (prepared.Bind(++index, parameters), ...);
    return prepared;
  }

  // Run runs one statement to its end.
  template <typename... Parameters>
  absl::Status Run(const char* statement, const Parameters&... parameters) {
    ASSIGN_OR_RETURN(Statement prepared, Query(statement, parameters...));
    return prepared.Step().status();
  }

  // QueryInteger returns the first value of a statement's only row.
  absl::StatusOr<int64_t> QueryInteger(const char* statement);

  // CheckIntegrity reads everything; DATA_LOSS says what is wrong.
  absl::Status CheckIntegrity();

 private:
  struct Close {
    void operator()(sqlite3* connection) const { sqlite3_close(connection); }
  };

  explicit Database(sqlite3* connection) : connection_(connection) {}
  absl::Status Configure();
  absl::StatusOr<Statement> Prepare(const char* statement);

  std::unique_ptr<sqlite3, Close> connection_;
};

// Transaction is all or nothing: what was not committed is undone when it ends.
class Transaction {
 public:
  static absl::StatusOr<Transaction> Begin(Database& database);

  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // Commit returns when the change is on the disk.
  absl::Status Commit();
  // Undo ends the transaction without its changes; after a failed commit, with what the disk has.
  void Undo();

 private:
  explicit Transaction(Database& database) : database_(&database) {}

  // Null when there is nothing to undo.
  Database* database_;
};

}  // namespace ddskey

#endif  // DAEMON_KEYSTORE_DATABASE_H_
