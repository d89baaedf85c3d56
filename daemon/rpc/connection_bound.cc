#include "daemon/rpc/connection_bound.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>

namespace ddskey {

uint32_t ConnectionBound(const std::string& name, uint32_t wanted, uint32_t descriptors) {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const rlim_t possible = std::max<rlim_t>(limit.rlim_cur / 2 / descriptors, 1);
  if (possible >= wanted) return wanted;
  spdlog::warn("{} socket: only {} connections instead of {}, for want of descriptors (RLIMIT_NOFILE is {})", name,
               possible, wanted, limit.rlim_cur);
  return static_cast<uint32_t>(possible);
}

}  // namespace ddskey
