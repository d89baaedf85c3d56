#ifndef DAEMON_CUSTODIAN_DEPOSIT_BOX_H_
#define DAEMON_CUSTODIAN_DEPOSIT_BOX_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/backend/key_backend.h"
#include "daemon/custodian/worker_pool.h"

namespace ddskey {

// DepositBox keeps device work that outlives the call that asked for it (S-4). Work is known by its owner and
// what is to be signed: who asks again finds it in its place in the queue, or its signature. It is given up when nobody
// asked for it during 5 s; a signature is kept for 30 s. A restart of the daemon loses it, and the ticket makes it
// again.
//
// It is bounded, for each process and in all. Whoever has much in a full box makes room for whoever has little: of a
// process the lane with the most deposits, of all processes the largest of the user with the most. What gave way is
// pending for whoever waits for it, and may be ordered again. Thread-safe.
class DepositBox {
 public:
  struct Limits {
    std::chrono::milliseconds interest = std::chrono::seconds(5);
    std::chrono::milliseconds keep = std::chrono::seconds(30);
    size_t per_owner = 512;
    size_t total = 16384;
  };

  // Order is one piece of work.
  struct Order {
    // Names the calling process, and its user.
    std::string owner;
    uint32_t user = 0;
    // On whose account the process orders it: for Replies the peer's certificate.
    std::string lane = {};
    // SHA-256 of the octets to be signed, which a ticket always gives again.
    std::string digest;
    // Names the two participants and the step: of a pair only the newest work is outstanding (S-6).
    std::string pair;
    KeyBackend* backend = nullptr;
    // Submits the work to `backend`, at most once.
    std::function<KeyBackend::WorkId(KeyBackend::SignDone)> submit;
  };

  // Done is called exactly once, on a thread of the pool: with the signature, with the error of the device (the work is
  // forgotten then and may be ordered again), or with nothing if it is still pending when the caller stops waiting.
  using Done = std::function<void(std::optional<absl::StatusOr<Signature>>)>;

  // `pool` must outlive the box.
  DepositBox(WorkerPool& pool, Limits limits);
  // The destructor answers everyone who waits with nothing.
  ~DepositBox();

  // Collect asks for the work of `order` and waits until `until` at the longest. RESOURCE_EXHAUSTED if the owner,
  // or all together, have too many deposits and none makes room.
  void Collect(Order order, std::chrono::steady_clock::time_point until, Done done);

  // size is the number of deposits held.
  size_t size() const;

  // alarms is the number of points in time that the box waits for; one or a few a deposit.
  size_t alarms() const;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_DEPOSIT_BOX_H_
