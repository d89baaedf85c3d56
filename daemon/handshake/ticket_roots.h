#ifndef DAEMON_HANDSHAKE_TICKET_ROOTS_H_
#define DAEMON_HANDSHAKE_TICKET_ROOTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/handshake/root_storage.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey {

// TicketRoot is a secret from which the keys of tickets are derived.
struct TicketRoot {
  uint64_t id = 0;
  absl::Duration created;
  SecretBytes secret;
};

// TicketRoots keeps three roots (S-5): one for identity and peer tickets, which lasts until the next boot, and for
// handshake tickets the current one, replaced every 120 s, with the one before. They survive a restart of the daemon in
// their storage. Thread-safe.
class TicketRoots {
 public:
  // Clock is the time since boot (CLOCK_BOOTTIME): no step of the wall clock makes a ticket older or younger.
  using Clock = std::function<absl::Duration()>;

  static constexpr absl::Duration kLifetime = absl::Seconds(120);

  // Open takes the roots from `storage`, unless they are of another boot (`boot_id`) or damaged, and makes new ones
  // then.
  static absl::StatusOr<std::unique_ptr<TicketRoots>> Open(std::unique_ptr<RootStorage> storage, std::string boot_id,
                                                           Clock clock);

  // ForIdentities is the lasting root.
  std::shared_ptr<const TicketRoot> ForIdentities() const;

  // Current is the root for new handshake tickets; it replaces the roots when their time has come.
  absl::StatusOr<std::shared_ptr<const TicketRoot>> Current();

  // Find returns the root of that id if it is still in use, or null.
  std::shared_ptr<const TicketRoot> Find(uint64_t id) const;

  absl::Duration Now() const { return clock_(); }

 private:
  TicketRoots(std::unique_ptr<RootStorage> storage, std::string boot_id, Clock clock)
      : storage_(std::move(storage)), boot_id_(std::move(boot_id)), clock_(std::move(clock)) {}

  absl::Status LoadOrMake();
  bool Decode(const SecretBytes& content);
  absl::Status SaveLocked();
  absl::Status RotateLocked();

  const std::unique_ptr<RootStorage> storage_;
  const std::string boot_id_;
  const Clock clock_;
  mutable std::mutex mutex_;
  std::shared_ptr<const TicketRoot> identities_;
  std::shared_ptr<const TicketRoot> current_;
  std::shared_ptr<const TicketRoot> previous_;
};

// BootId names this boot of the machine (/proc/sys/kernel/random/boot_id), and TimeSinceBoot is its age.
std::string BootId();
absl::Duration TimeSinceBoot();

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_TICKET_ROOTS_H_
