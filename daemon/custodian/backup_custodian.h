#ifndef DAEMON_CUSTODIAN_BACKUP_CUSTODIAN_H_
#define DAEMON_CUSTODIAN_BACKUP_CUSTODIAN_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/custodian/authorizer.h"
#include "daemon/custodian/worker_pool.h"
#include "daemon/keystore/key_store.h"
#include "policy/policy.h"

namespace ddskey {

// Snapshot is the keystore's identities as they were at one moment, with what is needed to put them elsewhere.
struct Snapshot {
  uint64_t id = 0;
  std::string instance_uuid;
  std::vector<std::shared_ptr<const Identity>> identities;
  std::vector<StoredBackend> backends;
};

// BackupCustodian reads the keystore's identities for a copy, and takes them from one, on behalf of administrators.
// Keys are in it as their backends sealed them: without the device, or the secret of the software backend, none can be
// used. Every method returns at once; its work is done on the pool, where `done` is called exactly once. Errors are
// those of AdminService (admin.proto). Thread-safe.
class BackupCustodian {
 public:
  // Parts are what a custodian works with; all must outlive it.
  struct Parts {
    WorkerPool& pool;
    Authorizer& authorizer;
    KeyStore& keys;
  };

  template <typename T>
  using Done = std::function<void(absl::StatusOr<T>)>;

  explicit BackupCustodian(const Parts& parts) : parts_(parts) {}

  // Read takes a snapshot, if `snapshot` is 0, or returns the one that was taken before; of those the last few are
  // kept.
  void Read(const Subject& caller, uint64_t snapshot, Done<std::shared_ptr<const Snapshot>> done);

  // Restore adds an identity under a name that is free. `backends` says for each of its generations where the key was
  // made, by name and kind; its `backend_uuid` is found here.
  void Restore(const Subject& caller, std::string name, Identity identity, std::vector<StoredBackend> backends,
               std::function<void(absl::Status)> done);

 private:
  absl::StatusOr<std::shared_ptr<const Snapshot>> Take(uint64_t snapshot);
  absl::StatusOr<std::string> Register(const StoredBackend& backend) const;
  absl::Status CheckKeptOnce(const Identity& identity) const;
  absl::Status Add(Identity identity, const std::vector<StoredBackend>& backends) const;

  const Parts parts_;
  std::mutex mutex_;
  std::deque<std::shared_ptr<const Snapshot>> kept_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_BACKUP_CUSTODIAN_H_
