#ifndef DAEMON_BACKEND_TPM2_RETRY_H_
#define DAEMON_BACKEND_TPM2_RETRY_H_

#include <tss2/tss2_common.h>
#include <tss2/tss2_tpm2_types.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/tpm2/tss_status.h"

namespace ddskey::tpm {

// Recovery is what must be done before the same command may succeed.
enum class Recovery {
  // Repeating does not help.
  kNone,
  // Wait.
  kRepeat,
  // Start another session: this one is gone, or an answer was not the TPM's.
  kNewSession,
  // Forget all loaded objects and load them again: the TPM was reset behind our back.
  kForget,
  // Make room in the TPM.
  kEvict,
  // Send TPM2_Startup.
  kStartup,
  // Connect anew.
  kReconnect,
};

// RecoveryFor reads the code of tpm2-tss that a Status carries.
inline Recovery RecoveryFor(const absl::Status& status) {
  const std::optional<TSS2_RC> raw = RawTss(status);
  if (!raw.has_value()) return Recovery::kNone;
  if (*raw == TSS2_ESYS_RC_RSP_AUTH_FAILED) return Recovery::kNewSession;
  const std::optional<TSS2_RC> code = TpmCode(*raw);
  if (!code.has_value()) return absl::IsUnavailable(status) ? Recovery::kReconnect : Recovery::kNone;
  switch (*code) {
    case TPM2_RC_INITIALIZE:
      return Recovery::kStartup;
    case TPM2_RC_OBJECT_MEMORY:
    case TPM2_RC_MEMORY:
    case TPM2_RC_OBJECT_HANDLES:
    case TPM2_RC_SESSION_MEMORY:
    case TPM2_RC_SESSION_HANDLES:
    case TPM2_RC_CONTEXT_GAP:
      return Recovery::kEvict;
    case TPM2_RC_PCR_CHANGED:
      // Registers changed between the beginning of a policy and its use.
      return Recovery::kNewSession;
    case TPM2_RC_AUTH_FAIL:
    case TPM2_RC_BAD_AUTH:
      // Whoever is not sure that the value was wrong says so.
      return absl::IsUnavailable(status) ? Recovery::kForget : Recovery::kNone;
    default:
      if (IsAboutSession(*raw)) return Recovery::kNewSession;
      if (IsAboutHandle(*raw)) return Recovery::kForget;
      return absl::IsUnavailable(status) ? Recovery::kRepeat : Recovery::kNone;
  }
}

// Backoff is how long to pause before each attempt: 20 ms, doubled each time, at most half a second, so that a device
// is used within two seconds of its return.
class Backoff {
 public:
  std::chrono::milliseconds Next() {
    const auto pause = next_;
    next_ = std::min(next_ * 2, std::chrono::milliseconds(500));
    return pause;
  }
  void Reset() { next_ = std::chrono::milliseconds(20); }

 private:
  std::chrono::milliseconds next_{20};
};

// Retry calls `attempt` until it succeeds, fails in a way that repeating does not help, or the next attempt would come
// after `deadline`; it returns what the last attempt did. After a failure it calls `recover` with what it asks for and
// the failure, and `pause`, which returns false to give up. The first recovery of a kind that needs nothing of the
// outside world costs no pause. This is the one place where anything that touches a key is repeated: callers of a
// KeyBackend never retry.
template <typename T, typename Attempt, typename Recover, typename Pause>
absl::StatusOr<T> Retry(std::chrono::steady_clock::time_point deadline, Attempt attempt, Recover recover, Pause pause) {
  Backoff backoff;
  unsigned tried = 0;
  for (;;) {
    absl::StatusOr<T> result = attempt();
    if (result.ok()) return result;
    const Recovery recovery = RecoveryFor(result.status());
    if (recovery == Recovery::kNone) return result;
    const unsigned bit = 1u << static_cast<unsigned>(recovery);
    const bool at_once = (tried & bit) == 0 && recovery != Recovery::kRepeat && recovery != Recovery::kReconnect;
    tried |= bit;
    recover(recovery, result.status());
    if (!at_once) {
      const std::chrono::milliseconds wait = backoff.Next();
      if (std::chrono::steady_clock::now() + wait >= deadline || !pause(wait)) return result;
    }
  }
}

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_RETRY_H_
