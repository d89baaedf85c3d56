#ifndef DAEMON_CUSTODIAN_ADMISSION_H_
#define DAEMON_CUSTODIAN_ADMISSION_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/custodian/authorizer.h"
#include "daemon/custodian/change_notice.h"
#include "daemon/custodian/file_lists.h"
#include "daemon/custodian/participant.h"
#include "daemon/custodian/participant_book.h"
#include "daemon/custodian/trust_cache.h"
#include "daemon/custodian/warning_memory.h"
#include "daemon/handshake/handshake.h"
#include "daemon/handshake/ticket.h"
#include "daemon/keystore/key_store.h"
#include "daemon/trust/certificate_validator.h"
#include "policy/policy.h"

namespace ddskey {

// LocalIdentityRequest is what a participant says of itself. Fields as in ValidateLocalIdentityRequest
// (authentication.proto).
struct LocalIdentityRequest {
  std::string key_name;
  Guid candidate_guid = {};
  uint32_t domain_id = 0;
  std::string certificate;
  std::vector<std::string> anchors;
  std::vector<std::string> revocation_lists;
  KeyAgreementChoice key_agreement = KeyAgreementChoice::kAuto;
};

// LocalIdentity is a validated local identity.
struct LocalIdentity {
  Guid adjusted_guid = {};
  std::string ticket;
  // Of the identity token (DDS Security 9.3.2.1).
  std::string subject;
  std::string algorithm;
  std::string ca_subject;
  std::string ca_algorithm;
  absl::Time not_after;
};

// Admitted is a participant whose right to use its key was found good for this call.
struct Admitted {
  // Of the notice, before anything was looked at.
  uint64_t revision = 0;
  Participant participant;
  std::shared_ptr<const Identity> identity;
  std::shared_ptr<const TrustStore> trust;
  std::shared_ptr<const Certificate> certificate;
};

// GoodUntil is when a certificate, PEM, that was found good at `now` must be judged anew though nothing was changed:
// the next date of a certificate or revocation list that its verdict may hang on.
absl::Time GoodUntil(const std::string& pem, const Certificate& leaf, const TrustStore& trust, absl::Time now);

// PeerProof is what a peer shows of itself.
struct PeerProof {
  // c.id, PEM.
  std::string certificate;
  // ocsp_status, DER; empty if it sent none.
  std::string ocsp_response = {};
  // When it showed that, if not now.
  absl::Time shown = absl::InfiniteFuture();
};

// EncodeProof is the body of a peer ticket; DecodeProof the inverse, nothing for octets that are none.
std::string EncodeProof(const PeerProof& proof);
std::optional<PeerProof> DecodeProof(std::string_view body);

// Admission decides, anew at each step, whether a process may use a key and whether it may do so towards a peer:
// policy, the key's state and purpose, its own certificate, the peer's. A ticket is state, never a right (S-5). What
// decided is noted in the trail. Errors are those of AuthenticationService (authentication.proto). Thread-safe.
class Admission {
 public:
  // Parts are what it works with; all must outlive it.
  struct Parts {
    const Authorizer& authorizer;
    const KeyStore& keys;
    CertificateValidator& validator;
    const TicketSealer& sealer;
    const ChangeNotice& changes;
    std::function<absl::Time()> clock;
    // Told of every participant that is admitted; may be null.
    ParticipantBook* book = nullptr;
    // Lists that identities' peers are held to beside those of their stores; null if there are none.
    const FileLists* file_lists = nullptr;
    // OK if `clock` can be relied on; null if it always can.
    std::function<absl::Status()> check_clock = nullptr;
  };

  explicit Admission(Parts parts) : parts_(std::move(parts)), trust_(parts_.file_lists) {}

  // Validate makes a participant of a key that the caller may use, and seals its identity ticket.
  absl::StatusOr<LocalIdentity> Validate(const Subject& caller, const LocalIdentityRequest& request,
                                         Trail& trail) const;

  // Admit opens an identity ticket.
  absl::StatusOr<Admitted> Admit(const Subject& caller, const std::string& identity_ticket, Trail& trail) const;

  // AdmitGeneration finds the key generation that a handshake of the participant began with: the current one, or one
  // that was replaced so recently that tickets of it are still served (S-5) and whose certificate is good.
  absl::StatusOr<const KeyGeneration*> AdmitGeneration(const Subject& caller, const Admitted& admitted,
                                                       const std::string& uuid, Trail& trail) const;

  // CheckPermissions refuses every permissions document but the one that the key is pinned to, if it is, under the name
  // "[permissions_pin]". `digest` is that of the document (PermissionsDigest).
  static absl::Status CheckPermissions(const Admitted& admitted, const std::string& digest);

  // Local is the participant's side of a handshake that begins now: its certificates, and what was installed of an OCSP
  // responder's as long as that is current.
  LocalParticipant Local(const Subject& caller, const Admitted& admitted, Trail& trail) const;

  // AdmitPeer validates what a peer shows, for the participant.
  absl::StatusOr<std::shared_ptr<const Certificate>> AdmitPeer(const Subject& caller, const Admitted& admitted,
                                                               const PeerProof& proof, Trail& trail) const;

 private:
  absl::StatusOr<std::shared_ptr<const Identity>> Permitted(const Subject& caller, const std::string& key_name,
                                                            Trail& trail) const;
  absl::Status UseTrust(const Subject& caller, const LocalIdentityRequest& request,
                        const std::shared_ptr<const Identity>& identity, Participant& participant, Trail& trail) const;
  absl::StatusOr<std::shared_ptr<const Certificate>> ValidateOwn(const Subject& caller, const std::string& key_name,
                                                                 const Identity& identity,
                                                                 const KeyGeneration& generation,
                                                                 const TrustStore& trust, Trail& trail) const;
  void NoteWarnings(const std::string& key_name, const ValidCertificate& certificate, Trail& trail) const;

  const Parts parts_;
  mutable TrustCache trust_;
  mutable WarningMemory warnings_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_ADMISSION_H_
