#ifndef DAEMON_RPC_PEER_CREDENTIALS_H_
#define DAEMON_RPC_PEER_CREDENTIALS_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "policy/policy.h"

namespace ddskey {

// ProcessLookup is how the process behind a socket is found.
enum class ProcessLookup {
  // By the socket if the kernel can (Linux 6.5), else by pid.
  kBest,
  // By pid, as older kernels must. For tests.
  kByPid,
};

// AttestPeer asks the kernel who connected to the unix socket `socket` (S-10): user, group, process and supplementary
// groups at connect(), and the start time of the process. The process is held by a descriptor of its own while /proc
// is read, and must be alive before and after, so what is read is about that process and no later one with its pid.
//
// PERMISSION_DENIED if the peer has exited, has changed its user since it connected, lives in a pid namespace that
// cannot be seen from here, is root inside one that can, as in a container, or is in more than 1,024 groups; INTERNAL
// if the kernel cannot be asked.
absl::StatusOr<Subject> AttestPeer(int socket, ProcessLookup lookup = ProcessLookup::kBest);

// IsSameProcess is whether the process that has `pid` is the one that began at `start_time` and has not ended.
bool IsSameProcess(pid_t pid, uint64_t start_time);

// ParseStartTime returns field 22 of the text of /proc/PID/stat. The second field, the program's name, may hold any
// character, parentheses and line ends included. Exposed for its test.
std::optional<uint64_t> ParseStartTime(std::string_view stat);

// ParseNamespaceDepth returns how many pid namespaces below ours the process of the text of /proc/PID/status is in:
// zero for our own. Exposed for its test.
std::optional<size_t> ParseNamespaceDepth(std::string_view status);

// ParseEffectiveUid returns the effective user of the text of /proc/PID/status. Exposed for its test.
std::optional<uid_t> ParseEffectiveUid(std::string_view status);

}  // namespace ddskey

#endif  // DAEMON_RPC_PEER_CREDENTIALS_H_
