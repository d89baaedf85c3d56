#ifndef DAEMON_CUSTODIAN_CHANGE_NOTICE_H_
#define DAEMON_CUSTODIAN_CHANGE_NOTICE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>

namespace ddskey {

// ChangeNotice says that something changed by which processes and their peers are judged: the policy, an identity's
// keys, certificates or trust, a revocation list, the clock. Whoever changes such a thing calls Bump once the change is
// in force; whoever keeps a verdict keeps the revision with it that was there before the verdict was made, and judges
// anew when it is another one. Thread-safe.
class ChangeNotice {
 public:
  // A notice starts at a random revision, so that a daemon that has started again is a change, too.
  ChangeNotice();
  ChangeNotice(const ChangeNotice&) = delete;
  ChangeNotice& operator=(const ChangeNotice&) = delete;

  // revision is never 0 and never the same again after Bump.
  uint64_t revision() const { return revision_.load(std::memory_order_acquire); }

  // Bump says that something has changed.
  void Bump();

  // Listen has `listener` called after each change, on the thread that changes it; it must return at once and call
  // nothing of this object but `revision`. An empty one ends that. When Listen returns, the one before is not called
  // any more.
  void Listen(std::function<void()> listener);

 private:
  std::atomic<uint64_t> revision_;
  std::mutex mutex_;
  std::function<void()> listener_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_CHANGE_NOTICE_H_
