#ifndef DAEMON_BACKEND_WORK_COUNTS_H_
#define DAEMON_BACKEND_WORK_COUNTS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace ddskey {

// DurationCounts is how long something took each time, counted in buckets that each end at four times the end of the
// one before.
struct DurationCounts {
  static constexpr std::array<std::chrono::microseconds, 9> kEnds = {
      std::chrono::microseconds(100),     std::chrono::microseconds(400),       std::chrono::microseconds(1'600),
      std::chrono::microseconds(6'400),   std::chrono::microseconds(25'600),    std::chrono::microseconds(102'400),
      std::chrono::microseconds(409'600), std::chrono::microseconds(1'638'400), std::chrono::microseconds(6'553'600)};

  void Add(std::chrono::steady_clock::duration took) {
    for (size_t i = 0; i < kEnds.size(); ++i) counts[i] += took <= kEnds[i] ? 1 : 0;
    ++count;
    sum += took;
  }
  DurationCounts& operator+=(const DurationCounts& other) {
    for (size_t i = 0; i < kEnds.size(); ++i) counts[i] += other.counts[i];
    count += other.count;
    sum += other.sum;
    return *this;
  }

  uint64_t count = 0;
  std::chrono::steady_clock::duration sum = std::chrono::steady_clock::duration::zero();
  // How many took at most kEnds[i].
  std::array<uint64_t, kEnds.size()> counts = {};
};

// WorkCounts is what became of the work for a device.
struct WorkCounts {
  // How long the device had each signature, and how long each work waited for the device.
  DurationCounts signing;
  DurationCounts waiting;
  // How long it had works of any kind.
  std::chrono::steady_clock::duration busy = std::chrono::steady_clock::duration::zero();
  // Refused or pushed out because the queue was full, and not done by their deadline.
  uint64_t rejected = 0;
  uint64_t expired = 0;
  // In its hands now.
  size_t running = 0;
};

}  // namespace ddskey

#endif  // DAEMON_BACKEND_WORK_COUNTS_H_
