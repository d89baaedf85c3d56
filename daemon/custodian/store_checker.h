#ifndef DAEMON_CUSTODIAN_STORE_CHECKER_H_
#define DAEMON_CUSTODIAN_STORE_CHECKER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/backend/key_backend.h"
#include "daemon/custodian/authorizer.h"
#include "daemon/custodian/backend_set.h"
#include "daemon/custodian/file_lists.h"
#include "daemon/custodian/worker_pool.h"
#include "daemon/keystore/key_store.h"
#include "daemon/trust/certificate_validator.h"
#include "policy/policy.h"

namespace ddskey {

// KeyCheck is what came of checking one key of an identity.
struct KeyCheck {
  uint32_t number = 0;
  GenerationState state = GenerationState::kCurrent;
  // Whether the key is fit for what its state says.
  bool good = false;
  // What is wrong, or worth knowing of a good one; may be empty.
  std::string problem;
  // What to do about it; may be empty.
  std::string fix;
};

// StoreChecker proves that what is in the keystore works, on behalf of administrators: each key signs a random text of
// the daemon's own behind a fixed label, which is no handshake and no digest of anybody's (S-1), and fits its
// certificate, which is good. Every method returns at once; its work is done on the pool and on threads of devices, and
// `done` is called exactly once. Errors are those of AdminService (admin.proto). Thread-safe.
class StoreChecker {
 public:
  // Parts are what a checker works with; all must outlive it.
  struct Parts {
    WorkerPool& pool;
    Authorizer& authorizer;
    KeyStore& keys;
    const BackendSet& backends;
    CertificateValidator& validator;
    std::function<absl::Time()> clock;
    // Own certificates are held to the lists of files, too; may be null.
    const FileLists* file_lists = nullptr;
  };

  template <typename T>
  using Done = std::function<void(absl::StatusOr<T>)>;

  explicit StoreChecker(const Parts& parts) : parts_(parts) {}

  // CheckStore reads all of the keystore's file, and returns the names of its identities, also of deleted ones.
  void CheckStore(const Subject& caller, Done<std::vector<std::string>> done);
  // CheckIdentity checks every key of an identity, by number.
  void CheckIdentity(const Subject& caller, std::string name, Done<std::vector<KeyCheck>> done);

 private:
  struct Run;

  void Go(const std::shared_ptr<Run>& run) const;
  KeyCheck Judge(const Identity& identity, const KeyGeneration& generation, const std::string& octets,
                 const absl::StatusOr<Signature>& signature) const;
  void JudgeCertificate(const Identity& identity, const KeyGeneration& generation, KeyCheck& check) const;

  const Parts parts_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_STORE_CHECKER_H_
