#include "plugin_shim/core/handle_table.h"

#include <sys/random.h>

#include <atomic>

namespace ddskey {
namespace {

// Room for 2^61 handles above the start, and none below 2^32 that a host might use as a small number of its own.
int64_t RandomStart() {
  uint64_t random = 0;
  if (getrandom(&random, sizeof(random), 0) != sizeof(random)) random = 0;
  return static_cast<int64_t>((random >> 2) | (uint64_t{1} << 32));
}

}  // namespace

int64_t NewHandle() {
  static std::atomic<int64_t> next{RandomStart()};
  return next.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace ddskey
