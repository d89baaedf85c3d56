#include "daemon/rpc/client_connection.h"

#include <string.h>
#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/rpc/limits.h"
#include "daemon/rpc/socket_io.h"

namespace ddskey {
namespace {

// As much as a socket takes at once.
constexpr size_t kEnough = size_t{64} * 1024;

void LeaveAll(const std::vector<std::shared_ptr<UnaryCall>>& calls) {
  for (const std::shared_ptr<UnaryCall>& call : calls) call->Leave();
}

}  // namespace

ClientConnection::ClientConnection(Connection connection, std::unique_ptr<Http2Session> session,
                                   std::shared_ptr<RequestShares> shares, std::function<void()> changed,
                                   Clock::time_point now)
    : socket_(std::move(connection.socket)),
      subject_(std::make_shared<const Subject>(std::move(connection.subject))),
      permit_(std::move(connection.permit)),
      shares_(std::move(shares)),
      changed_(std::move(changed)),
      inspector_(now),
      session_(std::move(session)),
      stopped_reading_(now),
      progress_(now) {
  const std::lock_guard lock(mutex_);
  Flush(now);
}

ClientConnection::~ClientConnection() {
  explicit_bzero(output_.data(), output_.size());
  shares_->Change(subject_->uid, {subject_->pid, subject_->start_time}, counted_, 0);
}

std::vector<Http2Session::Request> ClientConnection::OnReady(uint32_t events, std::span<uint8_t> scratch,
                                                             Clock::time_point now) {
  std::vector<std::shared_ptr<UnaryCall>> gone;
  Http2Session::Events happened;
  {
    const std::lock_guard lock(mutex_);
    if ((events & EPOLLOUT) != 0) Flush(now);
    if ((events & EPOLLIN) != 0 && reads()) {
      Read(scratch, now);
    } else if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
      // Nobody is there any more to take an answer.
      finished_ = true;
    }
    happened = session_->TakeEvents();
    if (finished_) happened.requests.clear();
    std::erase_if(happened.requests, [&](const Http2Session::Request& request) {
      return std::ranges::find(happened.gone, request.stream) != happened.gone.end();
    });
    gone = TakeGone(happened.gone);
    Count();
  }
  LeaveAll(gone);
  return std::move(happened.requests);
}

void ClientConnection::Read(std::span<uint8_t> scratch, Clock::time_point now) {
  std::span<uint8_t> octets = scratch;
  switch (ReceiveSome(socket_.get(), octets)) {
    case Received::kNothing:
      return;
    case Received::kEnd:
      finished_ = true;
      return;
    case Received::kOctets:
      break;
  }
  absl::Status status = inspector_.FromClient(octets, now);
  if (status.ok()) status = session_->Receive(octets);
  if (!status.ok()) return Refuse(std::string(status.message()));
  Count();
  Flush(now);
}

void ClientConnection::Flush(Clock::time_point now) {
  const bool was_stopped = !output_.empty();
  while (!finished_) {
    Write(now);
    if (!output_.empty() || finished_) break;
    if (const absl::Status status = session_->TakeOutput(kEnough, output_); !status.ok()) {
      Write(now);
      violation_ = std::string(status.message());
      finished_ = true;
    }
    if (output_.empty()) {
      output_ = std::string();
      break;
    }
    inspector_.FromServer({reinterpret_cast<const uint8_t*>(output_.data()), output_.size()});
    progress_ = now;
  }
  if (!was_stopped && !output_.empty()) stopped_reading_ = now;
  if (was_stopped && output_.empty()) inspector_.Excuse(now - stopped_reading_);
  if (output_.empty() && session_->ended()) finished_ = true;
}

void ClientConnection::Write(Clock::time_point now) {
  const auto sent = SendSome(socket_.get(), output_.data() + written_, output_.size() - written_);
  if (!sent.has_value()) {
    finished_ = true;
    return;
  }
  if (*sent > 0) progress_ = now;
  written_ += *sent;
  if (written_ < output_.size()) return;
  // It may have held a secret.
  explicit_bzero(output_.data(), output_.size());
  output_ = std::string();
  written_ = 0;
}

void ClientConnection::OnDeadline(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (IsAwaited() && now >= progress_ + kStalledReaderTime) {
    Refuse("does not read what it asked for");
  } else if (reads() && now >= inspector_.deadline()) {
    Refuse(inspector_.Overdue());
  }
}

void ClientConnection::Track(int32_t stream, const std::shared_ptr<UnaryCall>& call) {
  const std::lock_guard lock(mutex_);
  calls_[stream] = call;
}

void ClientConnection::Respond(int32_t stream, Http2Session::Answer answer) {
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    calls_.erase(stream);
    if (finished_) {
      explicit_bzero(answer.response.data(), answer.response.size());
      return;
    }
    session_->Respond(stream, std::move(answer));
    const bool was_stopped = !output_.empty();
    if (!was_stopped) Flush(Clock::now());
    Count();
    changed = finished_ || (!was_stopped && IsAwaited());
  }
  if (changed) changed_();
}

void ClientConnection::SayGoodBye() {
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  session_->SayGoodBye();
  if (output_.empty()) Flush(Clock::now());
}

void ClientConnection::End() {
  {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    Count();
    // Calls may hold the rest for as long as a device takes.
    socket_.Reset();
    permit_ = UsageLimiter::Permit();
  }
  LeaveCalls();
}

void ClientConnection::LeaveCalls() {
  std::vector<std::shared_ptr<UnaryCall>> gone;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [stream, held] : calls_) {
      if (auto call = held.lock(); call != nullptr) gone.push_back(std::move(call));
    }
    calls_.clear();
  }
  LeaveAll(gone);
}

ClientConnection::Wants ClientConnection::wants() const {
  const std::lock_guard lock(mutex_);
  if (finished_) return {.events = 0, .deadline = Clock::time_point::max(), .finished = true};
  Wants wants;
  wants.events = output_.empty() ? EPOLLIN : EPOLLOUT;
  if (output_.empty()) wants.deadline = inspector_.deadline();
  if (IsAwaited()) wants.deadline = std::min(wants.deadline, progress_ + kStalledReaderTime);
  return wants;
}

bool ClientConnection::has_output() const {
  const std::lock_guard lock(mutex_);
  return !finished_ && !output_.empty();
}

std::string ClientConnection::violation() const {
  const std::lock_guard lock(mutex_);
  return violation_;
}

void ClientConnection::Refuse(const std::string& violation) {
  violation_ = violation;
  finished_ = true;
  if (!output_.empty()) return;
  // Best effort: a client that is a person's mistake gets to know what it was.
  const std::string good_bye = inspector_.GoodBye("ddskeyd: " + violation);
  SendSome(socket_.get(), good_bye.data(), good_bye.size());
}

void ClientConnection::Count() {
  const uint64_t now =
      finished_ ? 0
                : inspector_.request_octets() + session_->unread_octets() + (output_.empty() ? 0 : output_.capacity());
  const std::string whose =
      shares_->Change(subject_->uid, {subject_->pid, subject_->start_time}, std::exchange(counted_, now), now);
  if (!whose.empty() && !finished_) Refuse(absl::StrCat("too much memory for the unanswered requests of ", whose));
}

std::vector<std::shared_ptr<UnaryCall>> ClientConnection::TakeGone(const std::vector<int32_t>& streams) {
  std::vector<std::shared_ptr<UnaryCall>> gone;
  for (const int32_t stream : streams) {
    const auto found = calls_.find(stream);
    if (found == calls_.end()) continue;
    if (auto call = found->second.lock(); call != nullptr) gone.push_back(std::move(call));
    calls_.erase(found);
  }
  return gone;
}

}  // namespace ddskey
