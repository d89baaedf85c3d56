#include "test/support/handshake_traffic.h"

#include <cstdio>
#include <cstdlib>

#include "test/support/process.h"

namespace ddskey::test {
namespace {

// Waits says whether a shim would ask again.
bool Waits(const CallStatus& status) {
  return status.code == CallCode::kUnavailable || status.code == CallCode::kDeadlineExceeded ||
         status.code == CallCode::kResourceExhausted || status.code == CallCode::kCancelled;
}

// Pause is how long a shim lets pass before it asks again, unless nobody wants it any more.
void Pause(const std::atomic<bool>& stopping) {
  WaitFor([&] { return stopping.load(); }, std::chrono::milliseconds(10));
}

// Patiently repeats a step, and collects its signature, until it is done, refused, or no longer wanted.
template <typename Step>
CallResult<v1::HandshakeStep> Patiently(const std::atomic<bool>& stopping, TestParticipant& participant, Step step) {
  CallResult<v1::HandshakeStep> result = step();
  while (!stopping) {
    if (Waits(result.status)) {
      Pause(stopping);
      result = step();
    } else if (result.status.ok() && !result.value.sign_ticket().empty()) {
      const std::string ticket = result.value.sign_ticket();
      result = participant.Sign(ticket, 200);
      if (Waits(result.status)) {
        result = {};
        result.value.set_sign_ticket(ticket);
        Pause(stopping);
      }
    } else {
      break;
    }
  }
  return result;
}

}  // namespace

HandshakeTraffic::HandshakeTraffic(TestDaemon& daemon, const TestCa& ca, const std::string& backend, int pairs) {
  const auto join = [&](const std::string& name, char tag) {
    auto participant = std::make_unique<TestParticipant>(daemon.socket(), name,
                                                         daemon.Enroll(name, ca, Named(name), "ec-p256", backend), tag);
    if (const CallStatus status = participant->Validate(); !status.ok()) {
      std::fprintf(stderr, "HandshakeTraffic: %s\n", status.message.c_str());
      std::abort();
    }
    return participant;
  };
  for (int i = 0; i < pairs; ++i) {
    const std::string name = backend + "." + std::to_string(i);
    auto pair = std::make_unique<Pair>();
    pair->initiator = join(name + ".i", static_cast<char>('A' + i));
    pair->replier = join(name + ".r", static_cast<char>('a' + i));
    pairs_.push_back(std::move(pair));
  }
  for (const auto& pair : pairs_) threads_.emplace_back([this, &pair = *pair] { Run(pair); });
}

HandshakeTraffic::~HandshakeTraffic() { Stop(); }

void HandshakeTraffic::Stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

int HandshakeTraffic::completed() const {
  int sum = 0;
  for (const auto& pair : pairs_) sum += pair->completed;
  return sum;
}

std::optional<std::chrono::milliseconds> HandshakeTraffic::Next() const {
  const int before = completed();
  const auto began = std::chrono::steady_clock::now();
  if (!WaitFor([&] { return completed() > before; })) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
}

bool HandshakeTraffic::AllNext() const {
  std::vector<int> before;
  for (const auto& pair : pairs_) before.push_back(pair->completed);
  return WaitFor([&] {
    for (size_t i = 0; i < pairs_.size(); ++i) {
      if (pairs_[i]->completed <= before[i]) return false;
    }
    return true;
  });
}

std::string HandshakeTraffic::wrong() const {
  const std::lock_guard lock(mutex_);
  return wrong_;
}

void HandshakeTraffic::Run(Pair& pair) {
  while (!stopping_) {
    const CallStatus status = Meet(pair);
    if (stopping_) return;
    if (status.ok()) {
      ++pair.completed;
      continue;
    }
    const std::lock_guard lock(mutex_);
    if (wrong_.empty()) wrong_ = std::to_string(static_cast<int>(status.code)) + ": " + status.message;
  }
}

CallStatus HandshakeTraffic::Meet(Pair& pair) const {
  TestParticipant& a = *pair.initiator;
  TestParticipant& b = *pair.replier;
  const auto request = Patiently(stopping_, a, [&] { return a.Request(b); });
  if (stopping_ || !request.status.ok()) return request.status;
  const auto reply = Patiently(stopping_, b, [&] { return b.Reply(a, request.value.message(), 200); });
  if (stopping_ || !reply.status.ok()) return reply.status;
  const auto last =
      Patiently(stopping_, a, [&] { return a.Process(request.value.handshake_ticket(), reply.value.message(), 200); });
  if (stopping_ || !last.status.ok()) return last.status;
  const auto done =
      Patiently(stopping_, b, [&] { return b.Process(reply.value.handshake_ticket(), last.value.message(), 200); });
  if (stopping_ || !done.status.ok()) return done.status;
  if (done.value.result().shared_secret().size() != 32 ||
      done.value.result().shared_secret() != last.value.result().shared_secret()) {
    return {CallCode::kInternal, "the two sides do not share a secret"};
  }
  return {};
}

}  // namespace ddskey::test
