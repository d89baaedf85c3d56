#ifndef DAEMON_KEYSTORE_SQLITE_KEY_STORE_H_
#define DAEMON_KEYSTORE_SQLITE_KEY_STORE_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/keystore/database.h"
#include "daemon/keystore/files.h"
#include "daemon/keystore/key_store.h"
#include "daemon/keystore/schema.h"

namespace ddskey {

// SqliteKeyStore is the KeyStore. What it answers from memory is always what the last committed transaction wrote.
class SqliteKeyStore : public KeyStore {
 public:
  // Open is KeyStore::Open with the schemas that it is to know.
  static absl::StatusOr<std::unique_ptr<SqliteKeyStore>> Open(const std::string& path,
                                                              std::span<const Migration> migrations);

  const std::string& instance_uuid() const override { return instance_uuid_; }
  uint32_t schema_version() const override { return schema_version_; }

  absl::StatusOr<std::string> RegisterBackend(const std::string& name, const std::string& kind) override;
  std::vector<StoredBackend> Backends() const override;
  absl::Status CheckIntegrity() override;
  absl::Status CreateIdentity(const KeyName& name, const KeyGeneration& generation) override;
  absl::Status AddIdentity(const Identity& identity) override;
  absl::Status ReplaceIdentity(const std::shared_ptr<const Identity>& expected, const Identity& changed) override;
  absl::Status InstallCertificate(const KeyName& name, const std::string& generation_uuid,
                                  const std::string& certificate_chain, const std::string& anchors) override;
  absl::Status SetTrust(const KeyName& name, const std::shared_ptr<const Identity>& expected,
                        const IdentityTrust& trust) override;
  absl::Status DeleteIdentity(const KeyName& name) override;
  absl::Status PurgeIdentity(const KeyName& name) override;
  absl::Status SaveFileList(const FileRevocationList& list) override;
  absl::StatusOr<std::vector<FileRevocationList>> LoadFileLists() override;
  absl::Status ForgetFileLists(const std::string& path) override;
  absl::Status SaveLastGoodTime(absl::Time time) override;
  absl::StatusOr<absl::Time> LoadLastGoodTime() override;
  absl::StatusOr<std::shared_ptr<const Identity>> Find(const KeyName& name) const override;
  std::vector<std::shared_ptr<const Identity>> List() const override;

 private:
  SqliteKeyStore(std::unique_ptr<FileLock> lock, std::unique_ptr<Database> database, uint32_t schema_version)
      : lock_(std::move(lock)), database_(std::move(database)), schema_version_(schema_version) {}

  // BackendRow is what is known of a backend: its uuid and name, empty if it is new, and the kind of the one that has
  // its name meanwhile.
  struct BackendRow {
    std::string uuid;
    std::string name;
    std::string namesake_kind;
  };

  absl::StatusOr<BackendRow> FindBackend(const std::string& name, const std::string& kind);
  // LoadBackends fills the memory of backends.
  absl::Status LoadBackends();
  // LoadAll fills the memory from the database.
  absl::Status LoadAll();
  // Load reads one identity, or null if there is none.
  absl::StatusOr<std::shared_ptr<const Identity>> Load(const KeyName& name);
  absl::Status LoadGenerations(int64_t row, Identity& identity);
  absl::Status LoadRevocationLists(int64_t row, Identity& identity);
  // Insert and Write are parts of a transaction.
  absl::Status InsertIdentity(const Identity& identity);
  absl::Status InsertGeneration(const KeyName& name, const KeyGeneration& generation);
  absl::Status WriteTrust(const KeyName& name, const IdentityTrust& trust);
  // Change makes `change` of the identity `name` a transaction, and shows its result when it is on the disk.
  absl::Status Change(const KeyName& name, const std::function<absl::Status()>& change);
  void Show(const KeyName& name, std::shared_ptr<const Identity> identity);

  const std::unique_ptr<FileLock> lock_;
  // Of the database: one transaction at a time, and readers of the memory do not wait for the disk.
  std::mutex writing_;
  const std::unique_ptr<Database> database_;
  const uint32_t schema_version_;
  std::string instance_uuid_;

  mutable std::shared_mutex reading_;
  std::map<KeyName, std::shared_ptr<const Identity>> identities_;
  std::vector<StoredBackend> backends_;
};

}  // namespace ddskey

#endif  // DAEMON_KEYSTORE_SQLITE_KEY_STORE_H_
