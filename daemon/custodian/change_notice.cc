#include "daemon/custodian/change_notice.h"

#include <sys/random.h>

#include <utility>

namespace ddskey {
namespace {

// Half of all numbers are left for counting up; 0 is for those who know no revision yet.
uint64_t RandomStart() {
  uint64_t random = 0;
  while (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
  }
  return (random >> 1) + 1;
}

}  // namespace

ChangeNotice::ChangeNotice() : revision_(RandomStart()) {}

void ChangeNotice::Bump() {
  revision_.fetch_add(1, std::memory_order_acq_rel);
  const std::lock_guard lock(mutex_);
  if (listener_) listener_();
}

void ChangeNotice::Listen(std::function<void()> listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

}  // namespace ddskey
