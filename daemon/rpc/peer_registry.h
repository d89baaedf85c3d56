#ifndef DAEMON_RPC_PEER_REGISTRY_H_
#define DAEMON_RPC_PEER_REGISTRY_H_

#include <grpcpp/server_context.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "policy/policy.h"

namespace ddskey {

// PeerRegistry knows the kernel-attested process behind each call of one server.
//
// gRPC names a connection that it was handed as a descriptor "fd:N", and keeps that descriptor open until the last
// handler on it has returned: so N means one connection for as long as anybody can ask. The connection is entered
// before gRPC gets it. Thread-safe.
class PeerRegistry {
 public:
  // Identify returns the process that opened the connection of `context`. UNAUTHENTICATED if the connection is not
  // known, which happens when its client has gone already; nothing may be done for such a call.
  absl::StatusOr<Subject> Identify(const grpc::ServerContextBase& context) const;

  // IdentifyPeer is Identify for the text of `peer()`.
  absl::StatusOr<Subject> IdentifyPeer(std::string_view peer) const;

  // Add enters the connection that gRPC is about to be given as descriptor `fd`, and returns the number to remove it
  // with. An older connection of that descriptor, whose end was not noticed yet, is forgotten.
  uint64_t Add(int fd, Subject subject);

  // Remove forgets connection `fd`, if it still is the one that Add returned `number` for.
  void Remove(int fd, uint64_t number);

  // size is the number of connections.
  size_t size() const;

 private:
  struct Entry {
    uint64_t number;
    std::shared_ptr<const Subject> subject;
  };

  mutable std::mutex mutex_;
  uint64_t last_number_ = 0;
  std::unordered_map<int, Entry> connections_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_PEER_REGISTRY_H_
