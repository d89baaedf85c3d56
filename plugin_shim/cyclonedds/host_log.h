#ifndef PLUGIN_SHIM_CYCLONEDDS_HOST_LOG_H_
#define PLUGIN_SHIM_CYCLONEDDS_HOST_LOG_H_

#include <chrono>
#include <deque>
#include <mutex>
#include <string>

#include "plugin_shim/cyclonedds/dds_security.h"

namespace ddskey::cyclonedds {

// HostLog writes to the log of Cyclone DDS what its core would not: the core logs exceptions of failures, and nothing
// while a handshake is pending. Thread-safe.
class HostLog {
 public:
  // Warn writes `sentence` as a warning, unless the same was said within the last 30 s.
  void Warn(const std::string& sentence);

 private:
  struct Said {
    std::string sentence;
    std::chrono::steady_clock::time_point at;
  };

  std::mutex mutex_;
  std::deque<Said> said_;
};

// SetException tells the host why an operation failed. `exception` may be null.
void SetException(DDS_Security_SecurityException* exception, const std::string& sentence);

}  // namespace ddskey::cyclonedds

#endif  // PLUGIN_SHIM_CYCLONEDDS_HOST_LOG_H_
