#include "plugin_shim/cyclonedds/registry.h"

namespace ddskey::cyclonedds {

int64_t Registry::AddLocal(std::shared_ptr<LocalIdentity> local) {
  const std::lock_guard lock(mutex_);
  return locals_.Add(std::move(local));
}

std::shared_ptr<LocalIdentity> Registry::Local(int64_t handle) const {
  const std::lock_guard lock(mutex_);
  return locals_.Find(handle);
}

int64_t Registry::AddRemote(RemoteIdentity remote) {
  const std::lock_guard lock(mutex_);
  const auto known = remote_of_guid_.find(remote.guid);
  if (known != remote_of_guid_.end()) {
    // What was discovered last counts.
    *remotes_.Find(known->second) = std::move(remote);
    return known->second;
  }
  const Guid guid = remote.guid;
  const int64_t handle = remotes_.Add(std::make_shared<RemoteIdentity>(std::move(remote)));
  remote_of_guid_.emplace(guid, handle);
  return handle;
}

std::shared_ptr<RemoteIdentity> Registry::Remote(int64_t handle) const {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<RemoteIdentity> found = remotes_.Find(handle);
  // A copy: AddRemote may change the original.
  return found == nullptr ? nullptr : std::make_shared<RemoteIdentity>(*found);
}

std::pair<int64_t, std::shared_ptr<HostedHandshake>> Registry::Pair(int64_t local, int64_t remote,
                                                                    const MakeHandshake& make) {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<RemoteIdentity> peer = remotes_.Find(remote);
  if (locals_.Find(local) == nullptr || peer == nullptr) return {0, nullptr};
  const auto known = pairs_.find({local, remote});
  if (known != pairs_.end()) return {known->second, handshakes_.Find(known->second)};
  std::shared_ptr<HostedHandshake> made = TakeInterrupted(local, peer->guid);
  if (made == nullptr) made = make(*peer);
  const int64_t handle = handshakes_.Add(made);
  pairs_.emplace(Key(local, remote), handle);
  return {handle, std::move(made)};
}

std::shared_ptr<HostedHandshake> Registry::Handshake(int64_t handle) const {
  const std::lock_guard lock(mutex_);
  return handshakes_.Find(handle);
}

std::pair<int64_t, int64_t> Registry::IdentitiesOf(int64_t handshake) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [pair, handle] : pairs_) {
    if (handle == handshake) return pair;
  }
  return {0, 0};
}

bool Registry::ReturnIdentity(int64_t handle) {
  // Destroyed after the lock is given back.
  std::vector<std::shared_ptr<HostedHandshake>> ended;
  std::shared_ptr<LocalIdentity> local;
  const std::lock_guard lock(mutex_);
  local = locals_.Remove(handle);
  const std::shared_ptr<RemoteIdentity> remote = remotes_.Remove(handle);
  for (const auto& [pair, handshake] : pairs_) {
    if (remote == nullptr || pair.second != handle) continue;
    std::shared_ptr<HostedHandshake> interrupted = handshakes_.Find(handshake);
    if (interrupted->Resumable()) interrupted_.push_back({pair.first, remote->guid, std::move(interrupted)});
  }
  while (interrupted_.size() > kMostInterrupted) interrupted_.pop_front();
  std::erase_if(interrupted_, [handle](const Interrupted& one) { return one.local == handle; });
  if (remote != nullptr) remote_of_guid_.erase(remote->guid);
  ended = RemovePairsOf(handle);
  return local != nullptr || remote != nullptr;
}

bool Registry::ReturnHandshake(int64_t handle) {
  std::shared_ptr<HostedHandshake> ended;
  const std::lock_guard lock(mutex_);
  ended = handshakes_.Remove(handle);
  std::erase_if(pairs_, [handle](const auto& pair) { return pair.second == handle; });
  return ended != nullptr;
}

bool Registry::KnowsSecret(DDS_Security_SharedSecretHandle handle) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, handshake] : pairs_) {
    const std::shared_ptr<HostedHandshake> found = handshakes_.Find(handshake);
    if (handle != DDS_SECURITY_HANDLE_NIL && found != nullptr && found->secret_handle() == handle) return true;
  }
  return false;
}

std::vector<std::shared_ptr<HostedHandshake>> Registry::RemovePairsOf(int64_t identity) {
  std::vector<std::shared_ptr<HostedHandshake>> removed;
  for (auto pair = pairs_.begin(); pair != pairs_.end();) {
    if (pair->first.first != identity && pair->first.second != identity) {
      ++pair;
      continue;
    }
    removed.push_back(handshakes_.Remove(pair->second));
    pair = pairs_.erase(pair);
  }
  return removed;
}

std::shared_ptr<HostedHandshake> Registry::TakeInterrupted(int64_t local, const Guid& remote) {
  std::shared_ptr<HostedHandshake> taken;
  for (const Interrupted& one : interrupted_) {
    if (one.local == local && one.remote == remote && one.handshake->Resumable()) taken = one.handshake;
  }
  std::erase_if(interrupted_, [local, &remote](const Interrupted& one) {
    return !one.handshake->Resumable() || (one.local == local && one.remote == remote);
  });
  if (taken != nullptr) taken->handshake().Resume();
  return taken;
}

}  // namespace ddskey::cyclonedds
