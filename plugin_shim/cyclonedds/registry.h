#ifndef PLUGIN_SHIM_CYCLONEDDS_REGISTRY_H_
#define PLUGIN_SHIM_CYCLONEDDS_REGISTRY_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "plugin_shim/core/handle_table.h"
#include "plugin_shim/core/local_identity.h"
#include "plugin_shim/cyclonedds/dds_security.h"
#include "plugin_shim/cyclonedds/hosted_handshake.h"
#include "proto/contract/guid.h"

namespace ddskey::cyclonedds {

// RemoteIdentity is a remote participant that was discovered.
struct RemoteIdentity {
  Guid guid;
  // Class id of its identity token.
  std::string token_class;
};

// Registry keeps what a plugin instance has given handles to. Cyclone DDS returns handles of identities only; so they
// take their handshakes along. Objects that are in use when they are removed live until that use ends. Thread-safe.
class Registry {
 public:
  using MakeHandshake = std::function<std::shared_ptr<HostedHandshake>(const RemoteIdentity&)>;

  int64_t AddLocal(std::shared_ptr<LocalIdentity> local);
  std::shared_ptr<LocalIdentity> Local(int64_t handle) const;

  // AddRemote returns the handle of `remote.guid`, the same one each time until it is returned.
  int64_t AddRemote(RemoteIdentity remote);
  std::shared_ptr<RemoteIdentity> Remote(int64_t handle) const;

  // Pair returns the handshake of two identities with its handle, made with `make` if there is none yet, or if there
  // was one in which the peer, when its handle was returned, owed a Reply: then that one is resumed. Null if one of the
  // handles is unknown.
  std::pair<int64_t, std::shared_ptr<HostedHandshake>> Pair(int64_t local, int64_t remote, const MakeHandshake& make);
  std::shared_ptr<HostedHandshake> Handshake(int64_t handle) const;
  // IdentitiesOf returns the handles of the local and the remote identity of a handshake; 0 if it is unknown.
  std::pair<int64_t, int64_t> IdentitiesOf(int64_t handshake) const;

  // The host needs a handle no more. False if it is unknown.
  bool ReturnIdentity(int64_t handle);
  bool ReturnHandshake(int64_t handle);

  // KnowsSecret is true for the handle of a secret of a handshake that is still kept.
  bool KnowsSecret(DDS_Security_SharedSecretHandle handle) const;

 private:
  using Key = std::pair<int64_t, int64_t>;
  // Interrupted is a handshake whose peer the host has lost sight of.
  struct Interrupted {
    int64_t local;
    Guid remote;
    std::shared_ptr<HostedHandshake> handshake;
  };

  // The most interrupted handshakes that are kept.
  static constexpr size_t kMostInterrupted = 64;

  std::vector<std::shared_ptr<HostedHandshake>> RemovePairsOf(int64_t identity);
  std::shared_ptr<HostedHandshake> TakeInterrupted(int64_t local, const Guid& remote);

  mutable std::mutex mutex_;
  HandleTable<LocalIdentity> locals_;
  HandleTable<RemoteIdentity> remotes_;
  HandleTable<HostedHandshake> handshakes_;
  std::map<Guid, int64_t> remote_of_guid_;
  // (local, remote) to the handle of their handshake.
  std::map<Key, int64_t> pairs_;
  std::deque<Interrupted> interrupted_;
};

}  // namespace ddskey::cyclonedds

#endif  // PLUGIN_SHIM_CYCLONEDDS_REGISTRY_H_
