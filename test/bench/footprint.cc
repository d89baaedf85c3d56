#include "test/bench/footprint.h"

#include <time.h>

#include <fstream>
#include <sstream>

namespace ddskey::bench {
namespace {

// Field is the first number behind `name` in a file of lines "name: number ...", and the sum over lines of that name.
double Field(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  double sum = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    double value = 0;
    if (words >> key >> value && key == name + ":") sum += value;
  }
  return sum;
}

std::set<std::string> Libraries(const std::string& maps) {
  std::ifstream file(maps);
  std::set<std::string> libraries;
  for (std::string line; std::getline(file, line);) {
    const size_t slash = line.rfind('/');
    if (slash != std::string::npos && line.find(".so", slash) != std::string::npos) {
      libraries.insert(line.substr(slash + 1));
    }
  }
  return libraries;
}

}  // namespace

Footprint FootprintOf(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  return {.threads = Field(folder + "/status", "Threads"),
          .private_memory =
              Field(folder + "/smaps_rollup", "Private_Clean") + Field(folder + "/smaps_rollup", "Private_Dirty"),
          .resident = Field(folder + "/status", "VmRSS"),
          .anonymous = Field(folder + "/status", "RssAnon"),
          .libraries = Libraries(folder + "/maps")};
}

double CpuTimeOf(const std::vector<pid_t>& pids) {
  double sum = 0;
  for (const pid_t pid : pids) {
    clockid_t clock = 0;
    timespec time = {};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) continue;
    sum += static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
  }
  return sum;
}

}  // namespace ddskey::bench
