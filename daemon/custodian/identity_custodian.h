#ifndef DAEMON_CUSTODIAN_IDENTITY_CUSTODIAN_H_
#define DAEMON_CUSTODIAN_IDENTITY_CUSTODIAN_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
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
#include "proto/contract/pcr_binding.h"

namespace ddskey {

// Renewal says what the next key of an identity is to be; empty for what the current one is.
struct Renewal {
  std::string name;
  std::string algorithm;
  std::string backend;
};

// RenewalRequest is a next generation that waits for its certificate.
struct RenewalRequest {
  KeyDescription key;
  // PKCS#10, PEM, for the subject of the current certificate.
  std::string csr_pem;
};

// IdentityCustodian renews identities and takes them out of use, on behalf of administrators: authorize, check, store,
// say that it has changed, audit. Every method returns at once; its work is done on the pool and on threads of devices,
// and `done` is called exactly once. Errors are those of AdminService (admin.proto). Thread-safe.
class IdentityCustodian {
 public:
  // Parts are what a custodian works with; all must outlive it.
  struct Parts {
    WorkerPool& pool;
    Authorizer& authorizer;
    KeyStore& keys;
    const BackendSet& backends;
    CertificateValidator& validator;
    ChangeNotice& changes;
    ParticipantBook& book;
    std::function<absl::Time()> clock;
    // Own certificates are held to the lists of files, too; may be null.
    const FileLists* file_lists = nullptr;
  };

  template <typename T>
  using Done = std::function<void(absl::StatusOr<T>)>;

  explicit IdentityCustodian(const Parts& parts) : parts_(parts), began_(parts.clock()) {}

  // Renew makes a next generation beside the current one, or finds the one that is there, and its request.
  void Renew(const Subject& caller, Renewal renewal, Done<RenewalRequest> done);
  // Complete puts the next generation in force with its certificate.
  void Complete(const Subject& caller, const std::string& name, std::string chain, Done<KeyDescription> done);
  // Abandon gives the next generation up.
  void Abandon(const Subject& caller, const std::string& name, Done<KeyDescription> done);
  // RollBack puts the generation before the current one in force again.
  void RollBack(const Subject& caller, const std::string& name, Done<KeyDescription> done);
  // SetEnabled takes an identity out of use at once, or back into use, then also a deleted one.
  void SetEnabled(const Subject& caller, const std::string& name, bool enabled, Done<KeyDescription> done);

  // Approve lets the keys of an identity that are bound to registers be used with other values of them.
  void Approve(const Subject& caller, std::string name, PcrApproval approval, Done<KeyDescription> done);

  // RetireOld removes replaced generations: those whose certificate has expired, and those that have been there for
  // kReplacedStays and with which no known participant began. Called now and then.
  void RetireOld();

 private:
  // A change makes what is to be stored of what is there; nothing if it is so already.
  using Change = std::function<absl::StatusOr<std::optional<Identity>>(const std::shared_ptr<const Identity>&)>;

  struct Approval;
  void ApproveNext(const std::shared_ptr<Approval>& work);
  void StoreApproval(Approval& work);
  static void FinishApproval(Approval& work, absl::StatusOr<KeyDescription> key);
  void Post(const Subject& caller, const char* operation, Action action, std::string name, Change change,
            Done<KeyDescription> done);
  absl::StatusOr<KeyDescription> Apply(const std::string& name, const Change& change) const;
  absl::StatusOr<KeyDescription> Describe(const std::shared_ptr<const Identity>& identity) const;
  void SubmitRenewal(const Subject& caller, const Renewal& renewal, Trail trail, Done<RenewalRequest> done) const;
  void FinishRenewal(const std::string& name, Trail trail, const Done<RenewalRequest>& done) const;
  absl::Status StoreNext(const std::string& name, const BackendSet::Entry& entry, const SealedKey& key) const;
  absl::StatusOr<std::optional<Identity>> CompletedWith(const Identity& identity, const std::string& chain) const;
  absl::StatusOr<std::optional<Identity>> RolledBackIfGood(const Identity& identity) const;
  absl::Status CheckGood(const Identity& identity, const std::string& chain) const;
  bool MayGo(const KeyGeneration& generation, size_t participants) const;

  const Parts parts_;
  const absl::Time began_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_IDENTITY_CUSTODIAN_H_
