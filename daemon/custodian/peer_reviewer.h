#ifndef DAEMON_CUSTODIAN_PEER_REVIEWER_H_
#define DAEMON_CUSTODIAN_PEER_REVIEWER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/custodian/admission.h"
#include "daemon/custodian/authorizer.h"
#include "daemon/custodian/change_notice.h"
#include "daemon/custodian/worker_pool.h"
#include "daemon/handshake/ticket.h"
#include "policy/policy.h"

namespace ddskey {

// PeerVerdict is what a peer that has authenticated is worth now.
struct PeerVerdict {
  enum class Outcome {
    // It could not be told just now.
    kUndecided,
    kGood,
    kRefused,
    // The ticket does not open for this caller.
    kUnknownTicket,
  };
  Outcome outcome = Outcome::kUndecided;
  // Why it is refused.
  std::string refusal = {};
  // How long it is good if the revision stays the same.
  absl::Duration good_for = absl::ZeroDuration();
};

// PeerReview is what a participant and its peers are worth now.
struct PeerReview {
  // Of the notice, before anything was looked at.
  uint64_t revision = 0;
  // Why the participant itself is refused; then nothing below is set.
  std::string identity_refused;
  absl::Time not_after;
  absl::Duration good_for;
  // One for each ticket.
  std::vector<PeerVerdict> peers;
};

// PeerReviewer judges participants and their peers as a step of a handshake would, so that what ends new handshakes
// ends those that were completed before. Keeps nothing; writes down refusals only, for asking is no decision.
// Thread-safe.
class PeerReviewer {
 public:
  // Parts are what it works with; all must outlive it.
  struct Parts {
    WorkerPool& pool;
    Authorizer& authorizer;
    const Admission& admission;
    const TicketSealer& sealer;
    const ChangeNotice& changes;
    std::function<absl::Time()> clock;
  };

  using Done = std::function<void(absl::StatusOr<PeerReview>)>;

  explicit PeerReviewer(Parts parts) : parts_(std::move(parts)) {}

  // Review judges the participant of an identity ticket and the peers of peer tickets. FAILED_PRECONDITION if the
  // identity ticket does not open. Returns at once; `done` is called on the pool exactly once.
  void Review(const Subject& caller, std::string identity_ticket, std::vector<std::string> peer_tickets, Done done);

 private:
  absl::StatusOr<PeerReview> Judge(const Subject& caller, const std::string& identity_ticket,
                                   const std::vector<std::string>& peer_tickets) const;
  PeerVerdict JudgePeer(const Subject& caller, const Admitted& admitted, const std::string& ticket) const;

  const Parts parts_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_PEER_REVIEWER_H_
