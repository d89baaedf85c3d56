#include "daemon/service/liveness.h"

#include <spdlog/spdlog.h>

namespace ddskey {

bool Liveness::IsAlive() {
  bool alive = true;
  for (Part& part : parts_) {
    const Duration hangs_for = part.hangs_for();
    const bool is_dead = hangs_for >= limit_;
    if (is_dead && !part.is_dead) {
      spdlog::critical("{} has hung for {} s; if it goes on the service manager starts the daemon again", part.name,
                       std::chrono::duration_cast<std::chrono::seconds>(hangs_for).count());
    } else if (!is_dead && part.is_dead) {
      spdlog::warn("{} goes on", part.name);
    }
    part.is_dead = is_dead;
    alive = alive && !is_dead;
  }
  return alive;
}

}  // namespace ddskey
