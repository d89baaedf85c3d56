#ifndef DAEMON_BACKEND_PKCS11_HELPER_SANDBOX_H_
#define DAEMON_BACKEND_PKCS11_HELPER_SANDBOX_H_

#include <string>

#include "absl/status/status.h"

namespace ddskey::pkcs11 {

// CloseOthers closes all descriptors above kHelperDescriptor, and points stdin to /dev/null and stdout to stderr: what
// a module prints is not read by anybody's parser.
absl::Status CloseOthers();

// EnterSandbox gives up, before foreign code is loaded, what no module needs (S-15): with `user`, which only root may
// choose, every other identity; all capabilities and ways to new ones; being dumped or traced; unless `network`, every
// network; and the system calls that FilterSystemCalls names. It has 4 GiB of addresses, files of 256 MiB, with `user`
// 1024 threads, and is the first to go when memory is short. Call it while there is one thread.
absl::Status EnterSandbox(const std::string& user, bool network);

// FilterSystemCalls is the last part of it (seccomp(2)): refused are other processes (starting, tracing, signalling
// them, reading their memory), the kernel (modules, bpf, keyrings, perf, kexec, clocks), mounts and name spaces, and
// without `network` sockets that are not unix sockets.
absl::Status FilterSystemCalls(bool network);

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_SANDBOX_H_
