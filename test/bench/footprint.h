#ifndef TEST_BENCH_FOOTPRINT_H_
#define TEST_BENCH_FOOTPRINT_H_

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

namespace ddskey::bench {

// Footprint is what a process takes, as the kernel says. Memory in kB.
struct Footprint {
  double threads = 0;
  // Pages that only this process has (Private_Clean and Private_Dirty of smaps_rollup).
  double private_memory = 0;
  double resident = 0;
  // The part of `resident` that is of no file.
  double anonymous = 0;
  // File names of the shared libraries it has mapped.
  std::set<std::string> libraries;
};

// FootprintOf looks at a running process of this user, or of anybody for root. What cannot be read is zero.
Footprint FootprintOf(pid_t pid);

// CpuTimeOf is the time for which processors worked for the processes `pids` since these started, in microseconds.
double CpuTimeOf(const std::vector<pid_t>& pids);

}  // namespace ddskey::bench

#endif  // TEST_BENCH_FOOTPRINT_H_
