#ifndef DAEMON_CUSTODIAN_KEY_CUSTODIAN_H_
#define DAEMON_CUSTODIAN_KEY_CUSTODIAN_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/backend/key_backend.h"
#include "daemon/custodian/authorizer.h"
#include "daemon/custodian/backend_set.h"
#include "daemon/custodian/change_notice.h"
#include "daemon/custodian/file_lists.h"
#include "daemon/custodian/key_description.h"
#include "daemon/custodian/participant_book.h"
#include "daemon/custodian/worker_pool.h"
#include "daemon/keystore/key_store.h"
#include "daemon/trust/certificate_validator.h"
#include "policy/policy.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey {

// NewKey is what to make.
struct NewKey {
  std::string name;
  // Empty for the defaults: "ec-p256", the first backend, "handshake".
  std::string algorithm;
  std::string backend;
  std::string purpose;
  // Registers that it is to be bound to, as in "sha256:0,7"; who may approve other values (DER), and the label of such
  // approvals, the key's name if empty.
  std::string pcrs = {};
  std::string pcr_authority = {};
  std::string pcr_label = {};
};

// ImportedKey is a key that was made elsewhere, and what is to become of it.
struct ImportedKey {
  std::string name;
  // Empty for the defaults: the first backend, "handshake".
  std::string backend;
  std::string purpose;
  ForeignKey key;
};

// NewRequest is a certification request to make.
struct NewRequest {
  std::string key_name;
  std::vector<std::pair<std::string, std::string>> subject;
  std::vector<std::string> key_usage;
};

// KeyCustodian makes, certifies and removes identities on behalf of administrators: authorize, load, use, audit. Every
// method returns at once; its work is done on the pool and on threads of devices, and `done` is called on the pool
// exactly once. Errors are those of AdminService (admin.proto). Thread-safe.
class KeyCustodian {
 public:
  // Parts are what a custodian works with; all must outlive it.
  struct Parts {
    WorkerPool& pool;
    Authorizer& authorizer;
    KeyStore& keys;
    const BackendSet& backends;
    CertificateValidator& validator;
    ChangeNotice& changes;
    std::function<absl::Time()> clock;
    ParticipantBook& book;
    // Own certificates are held to the lists of files, too; may be null.
    const FileLists* file_lists = nullptr;
  };

  template <typename T>
  using Done = std::function<void(absl::StatusOr<T>)>;

  explicit KeyCustodian(const Parts& parts) : parts_(parts) {}

  void Create(const Subject& caller, NewKey key, Done<KeyDescription> done);
  void Import(const Subject& caller, ImportedKey key, Done<KeyDescription> done);
  // Export gives out a key file, PEM, after it has marked the key.
  void Export(const Subject& caller, std::string name, std::shared_ptr<const SecretBytes> auth, Done<std::string> done);
  void List(const Subject& caller, bool include_deleted, Done<std::vector<KeyDescription>> done);
  void Get(const Subject& caller, std::string name, Done<KeyDescription> done);
  void Delete(const Subject& caller, std::string name, bool purge, std::function<void(absl::Status)> done);
  // Request makes a PKCS#10 request, PEM.
  void Request(const Subject& caller, NewRequest request, Done<std::string> done);
  void InstallCertificate(const Subject& caller, std::string name, std::string chain, std::string anchors,
                          Done<KeyDescription> done);
  // Unlock gives a backend an authorisation value for "owner", "parent" or "keys".
  void Unlock(const Subject& caller, std::string backend, std::string kind, std::shared_ptr<const SecretBytes> value,
              std::function<void(absl::Status)> done);
  // AuthorizeStatus is whether the caller may ask for the daemon's status.
  void AuthorizeStatus(const Subject& caller, std::function<void(absl::Status)> done);

 private:
  absl::StatusOr<KeyDescription> Describe(std::shared_ptr<const Identity> identity) const;
  void SubmitCreate(const Subject& caller, const NewKey& key, Trail trail, Done<KeyDescription> done);
  void SubmitImport(const Subject& caller, const ImportedKey& key, Trail trail, Done<KeyDescription> done);
  void SubmitExport(const Subject& caller, const std::string& name, std::shared_ptr<const SecretBytes> auth,
                    Trail trail, Done<std::string> done);
  absl::Status MarkExported(const std::shared_ptr<const Identity>& identity);
  absl::StatusOr<KeyDescription> Store(const KeyName& name, const BackendSet::Entry& entry, const SealedKey& key,
                                       bool imported);
  absl::StatusOr<KeyDescription> StoreImported(const KeyName& name, const BackendSet::Entry& entry,
                                               const SealedKey& key);
  void SubmitRequest(const Subject& caller, const NewRequest& request, Trail trail, Done<std::string> done);
  absl::StatusOr<KeyDescription> Install(const Subject& caller, const std::string& name, const std::string& chain,
                                         const std::string& anchors, Trail& trail);
  absl::Status Remove(const Subject& caller, const std::string& name, bool purge, Trail& trail);

  Parts parts_;
  // Held while an imported key is looked up and stored.
  std::mutex importing_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_KEY_CUSTODIAN_H_
