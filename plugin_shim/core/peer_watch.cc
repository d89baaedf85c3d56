#include "plugin_shim/core/peer_watch.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "client/authentication_client.h"
#include "client/call_status.h"
#include "client/fork_generation.h"
#include "client/unix_socket.h"
#include "client/waker.h"
#include "plugin_shim/core/explain.h"
#include "plugin_shim/core/peer_ledger.h"

namespace ddskey {
namespace {

using std::chrono::milliseconds;

// How long the daemon holds a call, and how much longer an answer may take.
constexpr milliseconds kLongestWatch(60'000);
constexpr milliseconds kMargin(5'000);
// For an answer that needs no waiting.
constexpr milliseconds kAnswerTime(10'000);
constexpr milliseconds kRenewalTime(1'000);
// Between attempts to reach the daemon, growing; and between questions where it does not let this process wait.
constexpr milliseconds kShortestPause(50);
constexpr milliseconds kLongestPause(500);
constexpr milliseconds kPollInterval(500);
constexpr int kMostPolls = 60;
// The host's callback runs on it.
constexpr size_t kStackSize = size_t{512} * 1024;

}  // namespace

// Worker is what the thread works with. The ledger is shared; the rest is the thread's own while it runs.
class PeerWatch::Worker {
 public:
  explicit Worker(const std::string& socket) : client_(socket) {}

  // Prepare is called while no thread runs, Run on the thread, the others on any.
  void Prepare(Listener listener) {
    listener_ = std::move(listener);
    stopping_ = false;
    outdated_ = false;
    ending_.Clear();
  }
  void Run();
  void Stop() {
    stopping_ = true;
    ending_.Wake();
    waker_.Wake();
  }

  void AddLocal(int64_t local, std::shared_ptr<LocalIdentity> identity) {
    const std::lock_guard lock(mutex_);
    ledger_.AddLocal(local, std::move(identity));
    waker_.Wake();
  }
  void AddPeer(int64_t local, int64_t remote, const v1::HandshakeResult& result) {
    const std::lock_guard lock(mutex_);
    const bool missed = ledger_.AddPeer(local, remote, result, CallClock::now());
    if (missed || ledger_.NextDue() < looks_again_) waker_.Wake();
  }
  void Remove(int64_t identity) {
    const std::lock_guard lock(mutex_);
    ledger_.Remove(identity);
  }
  bool empty() {
    const std::lock_guard lock(mutex_);
    return ledger_.empty();
  }

 private:
  void WarnOfEnds();
  void Tell(const PeerLedger::Outcome& outcome);
  void Pause();
  // AskAll puts all questions that are due; false if the daemon did not answer.
  bool AskAll();
  // Unanswered makes the best of a question that was not answered; false if the daemon is away.
  bool Unanswered(const PeerLedger::Question& question, CallStatus status);
  void Refuse(const PeerLedger::Question& question, const std::string& why);
  // Outdated ends the thread: the daemon is older than this plugin.
  void Outdated();
  // AwaitChange returns when something may be due; false if the daemon did not answer.
  bool AwaitChange();

  AuthenticationClient client_;
  Listener listener_;
  std::atomic<bool> stopping_ = false;
  bool outdated_ = false;
  milliseconds pause_ = kShortestPause;
  // For so many questions about a change the daemon is not asked to wait, which it has refused.
  int polls_left_ = 0;
  // The participant whose ticket was renewed last, until the next answer.
  int64_t renewed_ = 0;
  // Ends the wait for a change, or any call.
  Waker waker_;
  Waker ending_;

  std::mutex mutex_;
  PeerLedger ledger_;
  CallClock::time_point looks_again_ = CallClock::time_point::max();
};

void PeerWatch::Worker::Run() {
  while (!stopping_ && !outdated_) {
    try {
      waker_.Clear();
      // Stop may have come before that.
      if (stopping_) return;
      WarnOfEnds();
      if (AskAll() && AwaitChange()) pause_ = kShortestPause;
    } catch (const std::exception&) {
      // No memory just now.
      Pause();
    }
  }
}

void PeerWatch::Worker::WarnOfEnds() {
  std::vector<std::string> warnings;
  {
    const std::lock_guard lock(mutex_);
    warnings = ledger_.EndWarnings(std::time(nullptr));
  }
  for (const std::string& warning : warnings) listener_.warn(warning);
}

void PeerWatch::Worker::Tell(const PeerLedger::Outcome& outcome) {
  for (const std::string& warning : outcome.warnings) listener_.warn(warning);
  for (const auto& [handle, sentence] : outcome.dropped) {
    if (stopping_) return;
    listener_.warn(sentence);
    listener_.revoke(handle);
  }
}

void PeerWatch::Worker::Pause() {
  ending_.Sleep(CallClock::now() + pause_);
  pause_ = std::min(pause_ * 2, kLongestPause);
}

bool PeerWatch::Worker::AskAll() {
  while (!stopping_) {
    std::optional<PeerLedger::Question> question;
    {
      const std::lock_guard lock(mutex_);
      question = ledger_.Due(CallClock::now());
    }
    if (!question) return true;
    v1::CheckPeersRequest request;
    request.set_identity_ticket(question->identity->ticket());
    for (const std::string& ticket : question->tickets) request.add_peer_ticket(ticket);
    const auto asked = CallClock::now();
    const auto answer = client_.CheckPeers(request, asked + kAnswerTime, &ending_);
    if (!answer.status.ok()) {
      if (!Unanswered(*question, answer.status)) return false;
      continue;
    }
    renewed_ = 0;
    PeerLedger::Outcome outcome;
    {
      const std::lock_guard lock(mutex_);
      outcome = ledger_.Take(*question, answer.value, asked);
    }
    Tell(outcome);
  }
  return false;
}

bool PeerWatch::Worker::Unanswered(const PeerLedger::Question& question, CallStatus status) {
  if (RemedyFor(status) == Remedy::kAnew && renewed_ != question.local) {
    // The daemon has lost what opens its tickets.
    renewed_ = question.local;
    status = question.identity->Renew(client_, CallClock::now() + kRenewalTime, &ending_);
    if (status.ok()) return true;
    if (RemedyFor(status) != Remedy::kWait) {
      Refuse(question, status.message);
      return true;
    }
  }
  if (status.code == CallCode::kUnimplemented) Outdated();
  {
    const std::lock_guard lock(mutex_);
    ledger_.Postpone(question, CallClock::now() + PeerLedger::kPause);
  }
  const bool away = status.code == CallCode::kUnavailable || status.code == CallCode::kDeadlineExceeded;
  if (away) Pause();
  return !away && !outdated_;
}

void PeerWatch::Worker::Refuse(const PeerLedger::Question& question, const std::string& why) {
  PeerLedger::Outcome outcome;
  {
    const std::lock_guard lock(mutex_);
    outcome = ledger_.Refuse(question, why);
  }
  Tell(outcome);
}

void PeerWatch::Worker::Outdated() {
  outdated_ = true;
  listener_.warn(
      "ddskeyd at " + Printable(client_.socket()) +
      " is older than this plugin: a peer that is revoked keeps its session; update the daemon, then restart "
      "this application");
}

bool PeerWatch::Worker::AwaitChange() {
  v1::WatchRequest request;
  const auto begin = CallClock::now();
  milliseconds wait = kLongestWatch;
  bool idle = false;
  {
    const std::lock_guard lock(mutex_);
    const auto next = ledger_.NextDue();
    if (next < begin + wait) wait = std::max(std::chrono::ceil<milliseconds>(next - begin), milliseconds(0));
    looks_again_ = begin + wait;
    request.set_revision(ledger_.revision());
    idle = ledger_.empty();
  }
  if (idle) {
    waker_.Sleep(begin + kLongestWatch);
    return true;
  }
  if (polls_left_ > 0) {
    --polls_left_;
    waker_.Sleep(begin + std::min(wait, kPollInterval));
    wait = milliseconds(0);
  }
  request.set_wait_ms(static_cast<uint32_t>(wait.count()));
  const auto answer = client_.Watch(request, CallClock::now() + wait + kMargin, &waker_);
  switch (answer.status.code) {
    case CallCode::kOk: {
      const std::lock_guard lock(mutex_);
      ledger_.set_revision(answer.value.revision());
      return true;
    }
    case CallCode::kResourceExhausted:
      polls_left_ = kMostPolls;
      return true;
    case CallCode::kUnimplemented:
      Outdated();
      return false;
    case CallCode::kCancelled:
      if (waker_.woken()) return true;
      [[fallthrough]];
    default:
      Pause();
      return false;
  }
}

PeerWatch::PeerWatch(std::string socket) : generation_(ForkGeneration()), socket_(std::move(socket)) {}

PeerWatch::~PeerWatch() { Stop(); }

// The thread, and whoever held a lock, were not taken along by a fork.
bool PeerWatch::IsOurs() const { return generation_ == ForkGeneration(); }

std::shared_ptr<PeerWatch::Worker> PeerWatch::worker() {
  const std::lock_guard lock(mutex_);
  return worker_;
}

void PeerWatch::Listen(Listener listener) {
  if (!IsOurs()) return;
  std::unique_lock lock(mutex_);
  do EndThread(lock);
  while (running_);
  listener_ = std::move(listener);
  listening_ = true;
  StartIfNeeded();
}

void PeerWatch::StartIfNeeded() {
  if (!listening_ || running_ || joining_ || worker_ == nullptr || worker_->empty()) return;
  worker_->Prepare(listener_);
  auto shared = std::make_unique<std::shared_ptr<Worker>>(worker_);
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return;
  pthread_attr_setstacksize(&attributes, kStackSize);
  // The host's signals are for its own threads; a new thread has the mask of its maker.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  running_ = pthread_create(
                 &thread_, &attributes,
                 [](void* argument) -> void* {
                   const std::unique_ptr<std::shared_ptr<Worker>> mine(static_cast<std::shared_ptr<Worker>*>(argument));
                   pthread_setname_np(pthread_self(), "ddskey-watch");
                   (*mine)->Run();
                   return nullptr;
                 },
                 shared.get()) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (running_) static_cast<void>(shared.release());
}

void PeerWatch::Stop() {
  if (!IsOurs()) return;
  std::unique_lock lock(mutex_);
  EndThread(lock);
}

void PeerWatch::EndThread(std::unique_lock<std::mutex>& lock) {
  listening_ = false;
  if ((running_ || joining_) && pthread_equal(thread_, pthread_self()) != 0) {
    // From within the listener: the thread ends when that returns.
    worker_->Stop();
    if (joining_) return;
    pthread_detach(thread_);
    running_ = false;
    // The thread takes its worker along.
    worker_.reset();
    return;
  }
  if (running_) {
    running_ = false;
    joining_ = true;
    worker_->Stop();
    lock.unlock();
    pthread_join(thread_, nullptr);
    lock.lock();
    joining_ = false;
    joined_.notify_all();
    // For whoever came to listen meanwhile.
    StartIfNeeded();
    return;
  }
  joined_.wait(lock, [this] { return !joining_; });
}

void PeerWatch::AddLocal(int64_t local, const LocalIdentity& identity) {
  if (!IsOurs()) return;
  // A copy, so that the thread takes no lock of the host's threads: a fork might find it taken.
  auto copy = identity.Copy();
  const std::lock_guard lock(mutex_);
  if (worker_ == nullptr) worker_ = std::make_shared<Worker>(socket_);
  worker_->AddLocal(local, std::move(copy));
  StartIfNeeded();
}

void PeerWatch::AddPeer(int64_t local, int64_t remote, const v1::HandshakeResult& result) {
  if (!IsOurs()) return;
  if (const auto working = worker()) working->AddPeer(local, remote, result);
}

void PeerWatch::Remove(int64_t identity) {
  if (!IsOurs()) return;
  if (const auto working = worker()) working->Remove(identity);
}

}  // namespace ddskey
