#ifndef TEST_BENCH_CLIENTS_H_
#define TEST_BENCH_CLIENTS_H_

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace ddskey::bench {

// Clients are processes forked from this one that do the same thing again and again when told to. They end with this
// object. What goes wrong in one of them ends the program with its message.
class Clients {
 public:
  // Call does the thing once and returns what went wrong; empty if nothing did.
  using Call = std::function<std::string()>;
  // Prepare is called in the process of the client `index`.
  using Prepare = std::function<Call(size_t index)>;

  // The constructor returns when all are prepared and each has done the thing once.
  Clients(size_t count, const Prepare& prepare);
  ~Clients();
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  // RunFor lets all of them go on for `time`, at the same time, and returns how often a second the thing was done.
  double RunFor(std::chrono::milliseconds time);

  const std::vector<pid_t>& processes() const { return processes_; }

 private:
  struct Shared;

  void AwaitAll();

  Shared* shared_;
  std::vector<pid_t> processes_;
};

}  // namespace ddskey::bench

#endif  // TEST_BENCH_CLIENTS_H_
