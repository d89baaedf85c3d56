#ifndef DAEMON_SERVICE_LIVENESS_H_
#define DAEMON_SERVICE_LIVENESS_H_

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace ddskey {

// Liveness judges for the watchdog whether the daemon does its work. It asks each part how long that has hung: had
// something to do, nothing to wait for, and did not do it. Not thread-safe.
class Liveness {
 public:
  using Duration = std::chrono::steady_clock::duration;
  // Zero if the part does not hang. Must be quick.
  using HangsFor = std::function<Duration()>;

  // A part that has hung for `limit` or longer is dead.
  explicit Liveness(Duration limit) : limit_(limit) {}

  // Watch adds a part; `name` is for the log: "the application socket".
  void Watch(std::string name, HangsFor hangs_for) { parts_.push_back({std::move(name), std::move(hangs_for), false}); }

  // IsAlive is false while a part is dead, and logs which when it is found so and when it lives again: the last thing
  // that is heard of a daemon that the watchdog ends.
  bool IsAlive();

 private:
  struct Part {
    std::string name;
    HangsFor hangs_for;
    bool is_dead;
  };

  const Duration limit_;
  std::vector<Part> parts_;
};

}  // namespace ddskey

#endif  // DAEMON_SERVICE_LIVENESS_H_
