#ifndef TEST_BENCH_THROTTLED_TPM_H_
#define TEST_BENCH_THROTTLED_TPM_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "test/support/swtpm.h"
#include "test/support/temp_dir.h"

namespace ddskey::bench {

// ThrottledTpm is a swtpm behind a relay in which each signature takes as long as on a real device, one after the
// other; everything else is as fast as it comes. Ends the program if it cannot be set up.
class ThrottledTpm {
 public:
  explicit ThrottledTpm(std::chrono::milliseconds signature_time);
  ~ThrottledTpm();
  ThrottledTpm(const ThrottledTpm&) = delete;
  ThrottledTpm& operator=(const ThrottledTpm&) = delete;

  // tcti is how tpm2-tss reaches the relay.
  std::string tcti() const { return "swtpm:path=" + folder_.File("t"); }
  // signatures is how many were made so far.
  uint64_t signatures() const { return signatures_; }
  // Restart forgets when signatures were made; Span is the time from the beginning of the first since then to the end
  // of the last, in milliseconds.
  void Restart();
  double Span() const;

 private:
  void Serve();
  void Relay(int client);

  const std::chrono::milliseconds signature_time_;
  const test::Swtpm tpm_;
  const test::TempDir folder_;
  std::atomic<uint64_t> signatures_ = 0;
  mutable std::mutex mutex_;
  std::optional<std::chrono::steady_clock::time_point> first_;
  std::chrono::steady_clock::time_point free_;
  int listener_ = -1;
  std::thread thread_;
};

}  // namespace ddskey::bench

#endif  // TEST_BENCH_THROTTLED_TPM_H_
