#ifndef DAEMON_HANDSHAKE_TICKET_H_
#define DAEMON_HANDSHAKE_TICKET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/handshake/ticket_roots.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey {

// TicketKind is what a ticket stands for; each kind has keys of its own.
enum class TicketKind : uint8_t {
  kIdentity = 1,     // a participant that validated its local identity
  kPeer = 2,         // a peer that authenticated
  kRequestSent = 3,  // the initiator waits for a Reply
  kReplySent = 4,    // the replier waits for a Final
  kSignReply = 5,    // a Reply waits for its signature
  kSignFinal = 6,    // a Final waits for its signature
};

// TicketBinding is what a ticket is bound to beside its kind: it opens for nobody else.
struct TicketBinding {
  // Octets that name the calling process: uid, gid, pid and start time.
  std::string caller;
  // Octets that name the participant the call is made for; empty for identity tickets.
  std::string participant;
};

// OpenedTicket is what was sealed.
struct OpenedTicket {
  std::string body;
  // Absent if the ticket holds none.
  std::optional<SecretBytes> secret;
};

// CannotOpen is what every failure to open a ticket reads like; also that of one whose body an older daemon wrote.
absl::Status CannotOpen();

// TicketSealer makes and opens tickets (S-5): AES-256-GCM under a key derived by HKDF-SHA256 from a root, the kind and
// 32 random octets of the ticket's own, so that no nonce can repeat. A ticket is bound to the daemon's instance, the
// caller and the participant; one of a handshake opens for 120 s. Thread-safe.
class TicketSealer {
 public:
  // `roots` must outlive the sealer; `instance` names the daemon's keystore.
  TicketSealer(TicketRoots& roots, std::string instance);

  // Seal returns a ticket for `body` (at most 1 MiB) and, unless null, `secret`.
  absl::StatusOr<std::string> Seal(TicketKind kind, const TicketBinding& binding, std::string_view body,
                                   const SecretBytes* secret) const;

  // Open returns what Seal was given. Every failure reads the same: FAILED_PRECONDITION.
  absl::StatusOr<OpenedTicket> Open(TicketKind kind, const TicketBinding& binding, std::string_view ticket) const;

  // Peek reads the kind a ticket claims to have, or nothing; Open tells whether it is true.
  static std::optional<TicketKind> Peek(std::string_view ticket);

 private:
  TicketRoots& roots_;
  std::string instance_;
};

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_TICKET_H_
