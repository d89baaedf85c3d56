#ifndef DAEMON_CUSTODIAN_AUTHENTICATION_CUSTODIAN_H_
#define DAEMON_CUSTODIAN_AUTHENTICATION_CUSTODIAN_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/custodian/admission.h"
#include "daemon/custodian/authorizer.h"
#include "daemon/custodian/backend_set.h"
#include "daemon/custodian/change_notice.h"
#include "daemon/custodian/deposit_box.h"
#include "daemon/custodian/file_lists.h"
#include "daemon/custodian/worker_pool.h"
#include "daemon/handshake/handshake.h"
#include "daemon/handshake/participant_update.h"
#include "daemon/handshake/ticket.h"
#include "daemon/keystore/key_store.h"
#include "daemon/trust/certificate_validator.h"
#include "policy/policy.h"

namespace ddskey {

// StepResult is the outcome of a handshake step; as HandshakeStep of authentication.proto.
struct StepResult {
  struct Completed {
    HandshakeOutcome outcome;
    std::string peer_ticket;
    absl::Time peer_not_after;
    // By which the peer was found good, and until when that holds if the revision stays the same.
    uint64_t revision = 0;
    absl::Duration good_for;
  };
  std::string sign_ticket;
  std::optional<HandshakeToken> message;
  std::string handshake_ticket;
  std::optional<Completed> completed;
};

// AuthenticationCustodian is where a decision meets a key on behalf of a DDS participant: authorize, load, use, audit.
// Every method returns at once; its work is done on the pool and `done` is called there exactly once. Errors are those
// of AuthenticationService (authentication.proto). Thread-safe.
class AuthenticationCustodian {
 public:
  // Parts are what a custodian works with; all must outlive it.
  struct Parts {
    WorkerPool& pool;
    Authorizer& authorizer;
    const KeyStore& keys;
    const BackendSet& backends;
    CertificateValidator& validator;
    const TicketSealer& sealer;
    const ChangeNotice& changes;
    std::function<absl::Time()> clock;
    DepositBox::Limits deposits;
    // Asked before a caller answers the Request of a peer whose certificate is good, by the certificate's digest; null
    // if there is no limit.
    std::function<absl::Status(const Subject& caller, const std::string& peer_digest)> begin_reply = nullptr;
    // Told of every participant that is admitted; may be null.
    ParticipantBook* book = nullptr;
    // As in Admission.
    const FileLists* file_lists = nullptr;
    std::function<absl::Status()> check_clock = nullptr;
  };

  template <typename T>
  using Done = std::function<void(absl::StatusOr<T>)>;
  using Wait = std::chrono::milliseconds;

  explicit AuthenticationCustodian(const Parts& parts);

  void ValidateLocalIdentity(const Subject& caller, LocalIdentityRequest request, Done<LocalIdentity> done);
  void BeginHandshakeRequest(const Subject& caller, std::string identity_ticket, LocalOffer offer,
                             Done<StepResult> done);
  void BeginHandshakeReply(const Subject& caller, std::string identity_ticket, LocalOffer offer, HandshakeToken request,
                           Wait wait, Done<StepResult> done);
  void ProcessHandshake(const Subject& caller, std::string identity_ticket, std::string handshake_ticket,
                        HandshakeToken message, Wait wait, Done<StepResult> done);
  void SignHandshake(const Subject& caller, std::string identity_ticket, std::string sign_ticket, Wait wait,
                     Done<StepResult> done);

  // SignParticipantData signs changed participant data under a prefix of its own; nothing while it waits for the
  // device.
  void SignParticipantData(const Subject& caller, std::string identity_ticket, ParticipantUpdate update, Wait wait,
                           Done<std::optional<Signature>> done);

  // admission is what decides in every step, for those who decide alike.
  const Admission& admission() const { return admission_; }

  // Counts since start, for `status`.
  uint64_t handshakes_completed() const { return completed_; }
  uint64_t refusals() const { return refused_; }

 private:
  struct Signing;

  absl::StatusOr<StepResult> BeginRequestStep(const Subject& caller, const std::string& identity_ticket,
                                              const LocalOffer& offer, Trail& trail);
  absl::StatusOr<Signing> PrepareReplySigning(const Subject& caller, const std::string& identity_ticket,
                                              const LocalOffer& offer, const HandshakeToken& request,
                                              Trail& trail) const;
  absl::StatusOr<Signing> PrepareFinalSigning(const Subject& caller, const std::string& identity_ticket,
                                              const std::string& handshake_ticket, const HandshakeToken& message,
                                              Trail& trail) const;
  absl::StatusOr<StepResult> ProcessFinalStep(const Subject& caller, const std::string& identity_ticket,
                                              const std::string& handshake_ticket, const HandshakeToken& message,
                                              Trail& trail) const;
  absl::StatusOr<StepResult> PendingStep(const Signing& signing) const;
  absl::StatusOr<StepResult> FinishSigning(const Signing& signing, const Signature& signature);

  absl::StatusOr<Signing> PrepareSigning(const Subject& caller, const std::string& identity_ticket,
                                         const std::string& sign_ticket, Trail& trail) const;
  absl::StatusOr<Signing> MakeSigning(const Subject& caller, TicketKind kind, Admitted admitted, HandshakeState state,
                                      std::shared_ptr<const Certificate> peer, Trail& trail) const;
  absl::StatusOr<std::string> SealStep(TicketKind kind, const Subject& caller, const Participant& participant,
                                       const HandshakeState& state) const;
  absl::StatusOr<HandshakeState> OpenStep(TicketKind kind, const Subject& caller, const Participant& participant,
                                          const std::string& ticket) const;
  absl::StatusOr<StepResult::Completed> Complete(const Subject& caller, const Admitted& admitted,
                                                 HandshakeOutcome outcome, const Certificate& peer) const;
  absl::StatusOr<DepositBox::Order> PrepareUpdate(const Subject& caller, const std::string& identity_ticket,
                                                  const ParticipantUpdate& update, Trail& trail) const;
  void Sign(absl::StatusOr<Signing> prepared, std::chrono::steady_clock::time_point until, Trail trail,
            Done<StepResult> done);
  void End(Trail& trail, const absl::Status& outcome);

  Parts parts_;
  const Admission admission_;
  std::atomic<uint64_t> completed_ = 0;
  std::atomic<uint64_t> refused_ = 0;
  // Last: answers those who wait before anything else goes.
  DepositBox deposits_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_AUTHENTICATION_CUSTODIAN_H_
