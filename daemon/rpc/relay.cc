#include "daemon/rpc/relay.h"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "daemon/rpc/limits.h"
#include "daemon/rpc/socket_io.h"

namespace ddskey {
namespace {

// RemoveFront also gives the memory back when nothing is left.
void RemoveFront(std::string& pending, size_t size) {
  if (size == 0) return;
  if (size == pending.size()) {
    pending = std::string();
  } else {
    pending.erase(0, size);
  }
}

}  // namespace

Relay::Relay(UniqueFd client, UniqueFd server, Clock::time_point now)
    : client_(std::move(client)), server_(std::move(server)), inspector_(now), client_progress_(now) {}

void Relay::OnClient(uint32_t events, Scratch scratch, Clock::time_point now) {
  if ((events & EPOLLOUT) != 0) FlushToClient(now);
  if ((events & EPOLLIN) != 0 && reads_client()) {
    ReadClient(scratch, now);
  } else if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    // Nobody is there any more to take an answer.
    finished_ = true;
  }
}

void Relay::OnServer(uint32_t events, Scratch scratch, Clock::time_point now) {
  if ((events & EPOLLOUT) != 0) FlushToServer(now);
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && reads_server()) ReadServer(scratch, now);
}

void Relay::ReadClient(Scratch scratch, Clock::time_point now) {
  std::span<uint8_t> octets = scratch;
  switch (ReceiveSome(client_.get(), octets)) {
    case Received::kNothing:
      return;
    case Received::kEnd:
      finished_ = true;
      return;
    case Received::kOctets:
      break;
  }
  if (const absl::Status status = inspector_.FromClient(octets, now); !status.ok()) {
    Refuse(std::string(status.message()));
    return;
  }
  if (to_server_.empty() && inspector_.held() == 0) {
    // The usual case: straight from one socket to the other.
    const auto sent = SendSome(server_.get(), octets.data(), octets.size());
    server_gone_ = !sent.has_value();
    octets = octets.subspan(sent.value_or(octets.size()));
  }
  to_server_.append(reinterpret_cast<const char*>(octets.data()), octets.size());
  stopped_reading_ = now;
  FlushToServer(now);
}

void Relay::FlushToServer(Clock::time_point now) {
  if (server_gone_) {
    to_server_.resize(inspector_.held());
    return;
  }
  const bool was_stopped = waiting_for_server() > 0;
  const auto sent = SendSome(server_.get(), to_server_.data(), waiting_for_server());
  server_gone_ = !sent.has_value();
  RemoveFront(to_server_, sent.value_or(waiting_for_server()));
  if (was_stopped && waiting_for_server() == 0) inspector_.Excuse(now - stopped_reading_);
}

void Relay::ReadServer(Scratch scratch, Clock::time_point now) {
  std::span<uint8_t> octets = scratch;
  switch (ReceiveSome(server_.get(), octets)) {
    case Received::kNothing:
      return;
    case Received::kEnd:
      server_ended_ = true;
      finished_ = to_client_.empty();
      return;
    case Received::kOctets:
      break;
  }
  inspector_.FromServer(octets);
  const auto sent = SendSome(client_.get(), octets.data(), octets.size());
  if (!sent.has_value()) {
    finished_ = true;
    return;
  }
  if (*sent > 0) client_progress_ = now;
  octets = octets.subspan(*sent);
  if (!octets.empty()) {
    to_client_.assign(reinterpret_cast<const char*>(octets.data()), octets.size());
    client_progress_ = now;
  }
}

void Relay::FlushToClient(Clock::time_point now) {
  const auto sent = SendSome(client_.get(), to_client_.data(), to_client_.size());
  if (!sent.has_value()) {
    finished_ = true;
    return;
  }
  if (*sent > 0) client_progress_ = now;
  RemoveFront(to_client_, *sent);
  if (server_ended_ && to_client_.empty()) finished_ = true;
}

uint32_t Relay::client_events() const {
  return (reads_client() ? uint32_t{EPOLLIN} : 0) | (to_client_.empty() ? 0 : uint32_t{EPOLLOUT});
}

uint32_t Relay::server_events() const {
  return (reads_server() ? uint32_t{EPOLLIN} : 0) |
         (!server_gone_ && waiting_for_server() > 0 ? uint32_t{EPOLLOUT} : 0);
}

Relay::Clock::time_point Relay::deadline() const {
  Clock::time_point first = Clock::time_point::max();
  if (reads_client()) first = inspector_.deadline();
  if (!to_client_.empty()) first = std::min(first, client_progress_ + kStalledReaderTime);
  return first;
}

void Relay::OnDeadline(Clock::time_point now) {
  if (!to_client_.empty() && now >= client_progress_ + kStalledReaderTime) {
    Refuse("does not read what it asked for");
  } else if (reads_client() && now >= inspector_.deadline()) {
    Refuse(inspector_.Overdue());
  }
}

void Relay::Refuse(const std::string& violation) {
  violation_ = violation;
  finished_ = true;
  if (!to_client_.empty()) return;
  // Best effort: a client that is a person's mistake gets to know what it was.
  const std::string good_bye = inspector_.GoodBye("ddskeyd: " + violation);
  SendSome(client_.get(), good_bye.data(), good_bye.size());
}

}  // namespace ddskey
