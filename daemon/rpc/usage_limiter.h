#ifndef DAEMON_RPC_USAGE_LIMITER_H_
#define DAEMON_RPC_USAGE_LIMITER_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "policy/policy.h"

namespace ddskey {

// ProcessId tells a process from every other, those that had its pid before included.
struct ProcessId {
  pid_t pid = 0;
  uint64_t start_time = 0;

  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

struct ProcessIdHash {
  size_t operator()(const ProcessId& id) const {
    return std::hash<uint64_t>()(id.start_time * 0x9e3779b97f4a7c15 + static_cast<uint64_t>(id.pid));
  }
};

// UsageLimiter counts what is in use at one time: of all callers, of one uid, and of one process, for the processes of
// one uid must not starve each other either (S-17). It remembers only callers that use something. Thread-safe.
class UsageLimiter {
 public:
  // Zero means without a limit.
  struct Bounds {
    uint32_t total = 0;
    uint32_t per_uid = 0;
    uint32_t per_process = 0;
  };

  // Permit is one thing in use; its end gives it back. It may outlive the limiter.
  class Permit {
   public:
    Permit();
    Permit(Permit&& other) noexcept;
    Permit& operator=(Permit&& other) noexcept;
    ~Permit();

   private:
    friend class UsageLimiter;
    struct Holder;
    explicit Permit(std::unique_ptr<Holder> holder);

    std::unique_ptr<Holder> holder_;
  };

  // `what` is counted, in the plural: "connections".
  UsageLimiter(std::string what, const Bounds& bounds);
  ~UsageLimiter();

  // Take lends one to `subject`, or returns RESOURCE_EXHAUSTED with a sentence that names the limit.
  absl::StatusOr<Permit> Take(const Subject& subject);

  // IsFull says whether Take would refuse every process of `uid`.
  bool IsFull(uid_t uid) const;

  // in_use is the number of permits that live.
  uint32_t in_use() const;

 private:
  struct Counts;

  std::shared_ptr<Counts> counts_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_USAGE_LIMITER_H_
