#include "plugin_shim/cyclonedds/hosted_handshake.h"

#include <utility>

namespace ddskey::cyclonedds {
namespace {

constexpr size_t kMostSecrets = 4;

}  // namespace

bool HostedHandshake::Keep(v1::HandshakeStep& step) {
  if (!step.has_result()) return false;
  std::unique_ptr<SharedSecret> secret = SharedSecret::Take(*step.mutable_result());
  if (secret == nullptr) return false;
  const std::lock_guard lock(mutex_);
  secrets_.push_back(std::move(secret));
  if (secrets_.size() > kMostSecrets) secrets_.pop_front();
  credential_ = PeerCredential{step.result().peer_certificate(), step.result().peer_permissions()};
  return true;
}

DDS_Security_SharedSecretHandle HostedHandshake::secret_handle() const {
  const std::lock_guard lock(mutex_);
  return secrets_.empty() ? DDS_SECURITY_HANDLE_NIL : secrets_.back()->handle();
}

std::optional<PeerCredential> HostedHandshake::credential() const {
  const std::lock_guard lock(mutex_);
  return credential_;
}

std::chrono::steady_clock::duration HostedHandshake::Age() const {
  const std::lock_guard lock(mutex_);
  return std::chrono::steady_clock::now() - begun_;
}

void HostedHandshake::Rejuvenate() {
  const std::lock_guard lock(mutex_);
  begun_ = std::chrono::steady_clock::now();
}

}  // namespace ddskey::cyclonedds
