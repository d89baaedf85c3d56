#ifndef PLUGIN_SHIM_CYCLONEDDS_HOSTED_HANDSHAKE_H_
#define PLUGIN_SHIM_CYCLONEDDS_HOSTED_HANDSHAKE_H_

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "ddskey/v1/authentication.pb.h"
#include "plugin_shim/core/handshake.h"
#include "plugin_shim/cyclonedds/shared_secret.h"

namespace ddskey::cyclonedds {

// PeerCredential is what a peer has proven to be.
struct PeerCredential {
  std::string certificate;
  std::string permissions;
};

// HostedHandshake is a handshake together with what Cyclone DDS keeps pointing at until it returns the handle of one of
// the two identities. Thread-safe.
class HostedHandshake {
 public:
  explicit HostedHandshake(std::unique_ptr<Handshake> handshake) : handshake_(std::move(handshake)) {}

  Handshake& handshake() { return *handshake_; }

  // Keep takes over the result of a completed handshake and erases the secret in it. False if there is none, or if it
  // is not of the right form.
  bool Keep(v1::HandshakeStep& step);

  // secret_handle is 0, and credential nothing, until the handshake is complete.
  DDS_Security_SharedSecretHandle secret_handle() const;
  std::optional<PeerCredential> credential() const;

  // Resumable says whether a host that has lost sight of the peer had better go on with this handshake than begin
  // another. One that has been complete is not: its secrets go with the handles.
  bool Resumable() const { return secret_handle() == DDS_SECURITY_HANDLE_NIL && handshake_->Resumable(); }

  // Age is the time since the host last began with this peer.
  std::chrono::steady_clock::duration Age() const;
  void Rejuvenate();

 private:
  const std::unique_ptr<Handshake> handshake_;
  mutable std::mutex mutex_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  // The newest is the last. The host may still read an older one when the same pair authenticates once more.
  std::deque<std::unique_ptr<SharedSecret>> secrets_;
  std::optional<PeerCredential> credential_;
};

}  // namespace ddskey::cyclonedds

#endif  // PLUGIN_SHIM_CYCLONEDDS_HOSTED_HANDSHAKE_H_
