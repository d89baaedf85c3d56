#ifndef TEST_SUPPORT_HANDSHAKE_TRAFFIC_H_
#define TEST_SUPPORT_HANDSHAKE_TRAFFIC_H_

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "test/support/pki.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey::test {

// HandshakeTraffic is pairs of participants that meet again and again, each pair on a thread of its own, until the end
// of the object. They behave as a shim does: what is pending, away or full is asked for again. Every signature is
// verified by its peer, and both sides must have the same secret.
class HandshakeTraffic {
 public:
  // Makes two keys a pair in `backend`, named after it and certified by `ca`, and begins.
  HandshakeTraffic(TestDaemon& daemon, const TestCa& ca, const std::string& backend, int pairs);
  ~HandshakeTraffic();
  HandshakeTraffic(const HandshakeTraffic&) = delete;
  HandshakeTraffic& operator=(const HandshakeTraffic&) = delete;

  // completed is the number of handshakes completed by all.
  int completed() const;

  // Next waits until another handshake is completed, and returns how long that took; nothing if it took over 20 s.
  std::optional<std::chrono::milliseconds> Next() const;

  // AllNext waits until every pair has completed another one; false if that took over 20 s.
  bool AllNext() const;

  // wrong is what no shim would have waited for: the first status of that kind, or empty.
  std::string wrong() const;

  // Stop ends the traffic; the destructor does, too.
  void Stop();

 private:
  struct Pair {
    std::unique_ptr<TestParticipant> initiator;
    std::unique_ptr<TestParticipant> replier;
    std::atomic<int> completed = 0;
  };

  void Run(Pair& pair);
  CallStatus Meet(Pair& pair) const;

  std::vector<std::unique_ptr<Pair>> pairs_;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  std::string wrong_;
  std::vector<std::thread> threads_;
};

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_HANDSHAKE_TRAFFIC_H_
