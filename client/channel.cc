#include "client/channel.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "client/fork_generation.h"
#include "client/unary_exchange.h"

namespace ddskey {
namespace {

constexpr size_t kMaxResponse = 4 << 20;
// A daemon in an orderly restart may turn a call away more than once.
constexpr int kMostAttempts = 4;
constexpr std::chrono::milliseconds kConnectPause(20);
// Nothing can end the wait of a thread for room in a backlog.
constexpr std::chrono::milliseconds kInterruptible(500);

constexpr uint64_t Owner(uint64_t generation, bool busy) { return generation << 1 | (busy ? 1 : 0); }
constexpr uint64_t GenerationOf(uint64_t owner) { return owner >> 1; }
constexpr bool IsBusy(uint64_t owner) { return (owner & 1) != 0; }

}  // namespace

// Lease is the use of a connection for one call: of a slot's, or of one made for the occasion when all are busy.
class Channel::Lease {
 public:
  explicit Lease(Slot* slot) : slot_(slot) {
    if (connection() != nullptr && !connection()->Usable()) connection().reset();
  }
  ~Lease() {
    if (slot_ == nullptr) return;
    if (connection() != nullptr && connection()->finished()) connection().reset();
    slot_->owner.fetch_and(~uint64_t{1}, std::memory_order_release);
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  std::unique_ptr<Connection>& connection() { return slot_ != nullptr ? slot_->connection : own_; }

 private:
  Slot* const slot_;
  std::unique_ptr<Connection> own_;
};

Channel::Channel(std::string socket, std::vector<uid_t> server_uids)
    : socket_(std::move(socket)), server_uids_(std::move(server_uids)) {}

Channel::~Channel() {
  for (Slot& slot : slots_) {
    const uint64_t owner = slot.owner.load();
    if (IsBusy(owner) && GenerationOf(owner) != ForkGeneration()) Abandon(slot);
  }
}

void Channel::Abandon(Slot& slot) {
  // Torn by a fork in the middle of another thread's call: its memory cannot even be freed.
  if (Connection* const torn = slot.connection.release()) torn->CloseCopy();
}

Channel::Slot* Channel::TakeSlot() {
  const uint64_t generation = ForkGeneration();
  for (Slot& slot : slots_) {
    uint64_t owner = slot.owner.load(std::memory_order_acquire);
    const bool inherited = GenerationOf(owner) != generation;
    if (IsBusy(owner) && !inherited) continue;
    if (!slot.owner.compare_exchange_strong(owner, Owner(generation, true), std::memory_order_acq_rel)) continue;
    if (inherited && IsBusy(owner)) Abandon(slot);
    return &slot;
  }
  return nullptr;
}

CallStatus Channel::CallRaw(std::string_view method, std::string_view body, const CallOptions& options, Parser parse,
                            void* message) {
  CallStatus status;
  for (int attempt = 0; attempt < kMostAttempts;) {
    if (MillisecondsUntil(options.deadline) == 0) {
      return status.ok() ? CallStatus{CallCode::kDeadlineExceeded, "the call's deadline has passed"} : status;
    }
    Lease lease(TakeSlot());
    if (lease.connection() == nullptr) {
      auto until = options.deadline;
      if (options.waker != nullptr) until = std::min(until, CallClock::now() + kInterruptible);
      lease.connection() = Connection::Open(socket_, server_uids_, until, &status);
    }
    if (lease.connection() == nullptr) {
      if (!options.wait_for_ready || status.code != CallCode::kUnavailable) return status;
      std::this_thread::sleep_until(std::min(CallClock::now() + kConnectPause, options.deadline));
      continue;
    }
    ++attempt;
    UnaryExchange exchange(body, kMaxResponse);
    const Connection::Fate fate = lease.connection()->Call(method, exchange, options.deadline, options.waker, &status);
    if (fate == Connection::Fate::kFinished) {
      if (status.ok() && !parse(message, exchange.response())) {
        return {CallCode::kInternal, "the daemon's answer does not parse"};
      }
      return status;
    }
    if (fate == Connection::Fate::kUnknown && !options.idempotent) return status;
  }
  return status;
}

}  // namespace ddskey
