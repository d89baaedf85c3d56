#include "daemon/rpc/peer_registry.h"

#include <charconv>
#include <utility>

namespace ddskey {

absl::StatusOr<Subject> PeerRegistry::Identify(const grpc::ServerContextBase& context) const {
  return IdentifyPeer(context.peer());
}

absl::StatusOr<Subject> PeerRegistry::IdentifyPeer(std::string_view peer) const {
  constexpr std::string_view kPrefix = "fd:";
  const absl::Status unknown = absl::UnauthenticatedError("the calling process is not known (any more)");
  if (!peer.starts_with(kPrefix)) return unknown;
  peer.remove_prefix(kPrefix.size());
  int fd = -1;
  const auto [end, error] = std::from_chars(peer.data(), peer.data() + peer.size(), fd);
  if (error != std::errc() || end != peer.data() + peer.size()) return unknown;

  std::shared_ptr<const Subject> subject;
  {
    const std::lock_guard lock(mutex_);
    const auto found = connections_.find(fd);
    if (found == connections_.end()) return unknown;
    subject = found->second.subject;
  }
  return *subject;
}

uint64_t PeerRegistry::Add(int fd, Subject subject) {
  auto shared = std::make_shared<const Subject>(std::move(subject));
  const std::lock_guard lock(mutex_);
  connections_.insert_or_assign(fd, Entry{++last_number_, std::move(shared)});
  return last_number_;
}

void PeerRegistry::Remove(int fd, uint64_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = connections_.find(fd);
  if (found != connections_.end() && found->second.number == number) connections_.erase(found);
}

size_t PeerRegistry::size() const {
  const std::lock_guard lock(mutex_);
  return connections_.size();
}

}  // namespace ddskey
