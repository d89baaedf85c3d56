#ifndef TEST_BENCH_QUEUE_SIGNER_H_
#define TEST_BENCH_QUEUE_SIGNER_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/backend/key_backend.h"

namespace ddskey::bench {

// QueueSigner signs through a TpmBackend, with as many signatures asked for as there are clients, and nothing else of
// the daemon. What goes wrong ends the program.
class QueueSigner {
 public:
  // Makes `keys` keys, which are used in turn.
  explicit QueueSigner(const std::string& tcti, int keys = 1);

  // RunFor signs for `time` and returns the signatures a second.
  double RunFor(std::chrono::milliseconds time, int clients);

  // SignOne returns when there is another signature.
  void SignOne() { RunFor(std::chrono::milliseconds(0), 1); }

 private:
  void MakeKey();
  void Submit();
  void End();
  void AwaitAll();

  std::vector<SealedKey> keys_;
  std::atomic<size_t> next_ = 0;
  std::chrono::steady_clock::time_point end_;
  std::atomic<int> signatures_ = 0;
  std::mutex mutex_;
  std::condition_variable all_done_;
  int under_way_ = 0;
  // Last: its thread uses the others.
  std::unique_ptr<KeyBackend> backend_;
};

}  // namespace ddskey::bench

#endif  // TEST_BENCH_QUEUE_SIGNER_H_
