#ifndef PLUGIN_SHIM_CORE_PEER_WATCH_H_
#define PLUGIN_SHIM_CORE_PEER_WATCH_H_

#include <pthread.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "ddskey/v1/authentication.pb.h"
#include "plugin_shim/core/local_identity.h"

namespace ddskey {

// PeerWatch tells a host within a second when one of its participants, or a peer that has authenticated with one, may
// not go on: revoked, expired, or refused by a new rule. A daemon that is away drops nobody; when it is back, whatever
// has changed meanwhile is made up for.
//
// It has one thread, from the first participant on, while somebody listens. In a child that was forked from the process
// it does nothing, and neither waits nor locks. Thread-safe.
class PeerWatch {
 public:
  // Listener is called on the thread of the watch, with no lock held; it may call anything of this object.
  struct Listener {
    // The host must drop the local or remote identity of a handle; once for each.
    std::function<void(int64_t handle)> revoke;
    // A sentence for the log of the host.
    std::function<void(const std::string& sentence)> warn;
  };

  // `socket` is the daemon's.
  explicit PeerWatch(std::string socket);
  // Stops.
  ~PeerWatch();
  PeerWatch(const PeerWatch&) = delete;
  PeerWatch& operator=(const PeerWatch&) = delete;

  // Listen has `listener` told from now on. Stop ends that; when it returns, the listener is not called any more and
  // the thread is gone, unless the listener itself has called it.
  void Listen(Listener listener);
  void Stop();

  // AddLocal takes in a participant whose identity was validated, AddPeer a peer that has authenticated with it, and
  // Remove forgets the handle of either. None blocks.
  void AddLocal(int64_t local, const LocalIdentity& identity);
  void AddPeer(int64_t local, int64_t remote, const v1::HandshakeResult& result);
  void Remove(int64_t identity);

 private:
  class Worker;

  bool IsOurs() const;
  std::shared_ptr<Worker> worker();
  // StartIfNeeded is called with `mutex_` held.
  void StartIfNeeded();
  // EndThread ends listening and the thread; `lock` is of `mutex_`, and free while that waits.
  void EndThread(std::unique_lock<std::mutex>& lock);

  const uint64_t generation_;
  const std::string socket_;
  std::mutex mutex_;
  bool listening_ = false;
  Listener listener_;
  // Null before the first participant. Shared with the thread, which may outlive this if its listener ended it.
  std::shared_ptr<Worker> worker_;
  bool running_ = false;
  // While somebody waits for the end of the thread no other is started.
  bool joining_ = false;
  std::condition_variable joined_;
  pthread_t thread_ = {};
};

}  // namespace ddskey

#endif  // PLUGIN_SHIM_CORE_PEER_WATCH_H_
