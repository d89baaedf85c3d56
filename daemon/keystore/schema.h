#ifndef DAEMON_KEYSTORE_SCHEMA_H_
#define DAEMON_KEYSTORE_SCHEMA_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "daemon/keystore/database.h"

namespace ddskey {

// Migration leads from the schema before it to `version`.
struct Migration {
  uint32_t version;
  const char* statements;
};

// Migrations are all there ever were, from 1 without gaps. A migration that was released is never changed.
std::span<const Migration> Migrations();

// Migrate brings `database`, which is the file `path`, to the last of `migrations` in one transaction. An older schema
// is first copied to the file `path`.version-N, mode 0600. FAILED_PRECONDITION for a newer one, or if the database is
// not a keystore; on any error the database is as before.
absl::Status Migrate(Database& database, const std::string& path, std::span<const Migration> migrations);

}  // namespace ddskey

#endif  // DAEMON_KEYSTORE_SCHEMA_H_
