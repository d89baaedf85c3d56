#ifndef PLUGIN_SHIM_CYCLONEDDS_PLUGIN_H_
#define PLUGIN_SHIM_CYCLONEDDS_PLUGIN_H_

#include <memory>
#include <string>
#include <utility>

#include "plugin_shim/core/daemon_link.h"
#include "plugin_shim/core/handshake.h"
#include "plugin_shim/core/peer_watch.h"
#include "plugin_shim/cyclonedds/dds_security.h"
#include "plugin_shim/cyclonedds/host_log.h"
#include "plugin_shim/cyclonedds/registry.h"

namespace ddskey::cyclonedds {

// Plugin is the authentication plugin of one DDS domain: the operations of DDS Security 8.3.2.11 as Cyclone DDS 0.10.2
// calls them, with its pointers checked by the caller. Operations that fail say why in `*error`. Thread-safe.
class Plugin {
 public:
  using Result = DDS_Security_ValidationResult_t;

  // ValidateLocalIdentity may block for as long as participant creation may wait for the daemon.
  Result ValidateLocalIdentity(int64_t* handle, DDS_Security_GUID_t* adjusted, DDS_Security_DomainId domain,
                               const DDS_Security_Qos& qos, const DDS_Security_GUID_t& candidate, std::string* error);
  bool GetIdentityToken(int64_t local, DDS_Security_IdentityToken* token, std::string* error);
  bool SetPermissions(int64_t local, const DDS_Security_PermissionsCredentialToken& credential, std::string* error);

  // ValidateRemoteIdentity calls nobody and never fails: Cyclone DDS crashes its process when it does. A peer that
  // cannot be authenticated with is refused when a handshake with it begins. `remote_request` may be null.
  Result ValidateRemoteIdentity(int64_t* remote, DDS_Security_AuthRequestMessageToken* local_request,
                                const DDS_Security_AuthRequestMessageToken* remote_request, int64_t local,
                                const DDS_Security_IdentityToken& token, const DDS_Security_GUID_t& guid);

  // The steps of a handshake. Each returns DDS_SECURITY_VALIDATION_PENDING_RETRY when the daemon, or the device behind
  // it, needs more time; Cyclone DDS calls it again a second later.
  Result BeginHandshakeRequest(int64_t* handshake, DDS_Security_HandshakeMessageToken* message, int64_t local,
                               int64_t remote, const DDS_Security_OctetSeq& participant_data, std::string* error);
  Result BeginHandshakeReply(int64_t* handshake, DDS_Security_HandshakeMessageToken* message,
                             const DDS_Security_HandshakeMessageToken& request, int64_t local, int64_t remote,
                             const DDS_Security_OctetSeq& participant_data, std::string* error);
  Result ProcessHandshake(DDS_Security_HandshakeMessageToken* out, const DDS_Security_HandshakeMessageToken& in,
                          int64_t handshake, std::string* error);

  DDS_Security_SharedSecretHandle GetSharedSecret(int64_t handshake, std::string* error);
  bool GetPeerCredential(int64_t handshake, DDS_Security_AuthenticatedPeerCredentialToken* token, std::string* error);

  bool IsLocal(int64_t handle) const { return registry_.Local(handle) != nullptr; }
  bool ReturnIdentity(int64_t handle);
  bool ReturnHandshake(int64_t handle) { return registry_.ReturnHandshake(handle); }

  // SetListener has the host told of identities that may not go on, with `plugin` as its own pointer to this plugin;
  // null ends that, and when it returns the host is not called any more.
  void SetListener(const dds_security_authentication* plugin, const dds_security_authentication_listener* listener);

  bool KnowsSecret(DDS_Security_SharedSecretHandle handle) const { return registry_.KnowsSecret(handle); }

 private:
  std::pair<int64_t, std::shared_ptr<HostedHandshake>> Pair(int64_t local, int64_t remote);
  // Begin finds the handshake of a pair, unless the peer is one that no handshake can begin with.
  std::pair<int64_t, std::shared_ptr<HostedHandshake>> Begin(int64_t local, int64_t remote, std::string* error);
  Result NotDone(const StepOutcome& outcome, std::string* error);

  DaemonLink link_;
  Registry registry_;
  // Shared with the watch, which may outlive this.
  const std::shared_ptr<HostLog> log_ = std::make_shared<HostLog>();
  // Last: its thread ends before anything else goes.
  PeerWatch watch_{link_.socket()};
};

}  // namespace ddskey::cyclonedds

#endif  // PLUGIN_SHIM_CYCLONEDDS_PLUGIN_H_
