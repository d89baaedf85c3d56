#include "daemon/backend/pkcs11/helper/monitor.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace ddskey::pkcs11 {
namespace {

using std::chrono::milliseconds;

// How late a late call may be noticed. A thread that wakes up ten times a second while there are calls costs nothing.
constexpr milliseconds kPeriod(100);
constexpr milliseconds kIdlePeriod(1000);
constexpr int kHung = 3;

}  // namespace

Monitor::Monitor(int connection, size_t workers, const ServiceManager& manager,
                 std::function<void(uint64_t)> last_words)
    : connection_(connection), manager_(manager), last_words_(std::move(last_words)), watched_(workers) {
  thread_ = std::thread([this] { Run(); });
}

void Monitor::Begin(size_t worker, uint64_t id, milliseconds limit) {
  Watched& watched = watched_[worker];
  watched.id = id;
  watched.deadline = (Clock::now() + limit).time_since_epoch().count();
}

void Monitor::End(size_t worker) { watched_[worker].deadline = 0; }

void Monitor::EndIfLate() {
  const Clock::rep now = Clock::now().time_since_epoch().count();
  for (const Watched& watched : watched_) {
    const Clock::rep deadline = watched.deadline;
    if (deadline == 0 || deadline > now) continue;
    last_words_(watched.id);
    _exit(kHung);
  }
}

void Monitor::Run() {
  auto told = Clock::now();
  while (true) {
    const bool busy = std::any_of(watched_.begin(), watched_.end(), [](const Watched& w) { return w.deadline != 0; });
    pollfd ends = {connection_, POLLRDHUP, 0};
    const milliseconds nap = std::min(busy ? kPeriod : kIdlePeriod, manager_.period());
    poll(&ends, 1, static_cast<int>(nap.count()));
    // What the module would still do, nobody wants.
    if (ends.revents != 0) _exit(EXIT_SUCCESS);
    EndIfLate();
    if (Clock::now() - told >= manager_.period()) {
      manager_.SayAlive();
      told = Clock::now();
    }
  }
}

}  // namespace ddskey::pkcs11
