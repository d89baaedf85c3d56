#include "daemon/rpc/frame_guard.h"

#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "daemon/rpc/limits.h"

namespace ddskey {
namespace {

constexpr size_t kScratchOctets = 64 * 1024;
constexpr int kMaxEvents = 64;

}  // namespace

FrameGuard::Entry::Entry(GuardedConnection connection, Clock::time_point now)
    : lease(std::move(connection.lease)),
      uid(connection.uid),
      process(connection.process),
      description(std::move(connection.description)),
      relay(std::move(connection.client), std::move(connection.server), now),
      client{.entry = this, .is_client = true},
      server{.entry = this, .is_client = false} {}

absl::StatusOr<std::unique_ptr<FrameGuard>> FrameGuard::Start() {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event event = {.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (!epoll.valid() || !wake.valid() || epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0) {
    return absl::InternalError(absl::StrCat("making the frame guard: ", std::strerror(errno)));
  }
  auto guard = std::unique_ptr<FrameGuard>(new FrameGuard(std::move(epoll), std::move(wake)));
  guard->thread_ = std::thread([raw = guard.get()] { raw->Run(); });
  return guard;
}

FrameGuard::FrameGuard(UniqueFd epoll, UniqueFd wake)
    : epoll_(std::move(epoll)),
      wake_(std::move(wake)),
      scratch_(kScratchOctets),
      shares_({.per_process = kRequestOctetsPerProcess, .per_uid = kRequestOctetsPerUid}) {}

FrameGuard::~FrameGuard() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  eventfd_write(wake_.get(), 1);
  thread_.join();
}

void FrameGuard::Add(GuardedConnection connection) {
  auto entry = std::make_unique<Entry>(std::move(connection), Clock::now());
  {
    const std::lock_guard lock(mutex_);
    added_.push_back(std::move(entry));
    ++connections_;
  }
  eventfd_write(wake_.get(), 1);
}

bool FrameGuard::WaitUntilEmpty(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return empty_.wait_for(lock, limit, [this] { return connections_ == 0; });
}

uint64_t FrameGuard::refused_count() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

void FrameGuard::Run() {
  std::array<epoll_event, kMaxEvents> events;
  for (;;) {
    heartbeat_.Beat();
    const int count = epoll_wait(epoll_.get(), events.data(), kMaxEvents, Heartbeat::Bounded(Timeout(Clock::now())));
    if (count < 0 && errno != EINTR) {
      spdlog::critical("frame guard: epoll_wait: {}", std::strerror(errno));
      return;
    }
    const Clock::time_point now = Clock::now();
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr == nullptr) {
        if (!TakeAdded()) return;
      } else {
        Handle(*static_cast<Socket*>(events[i].data.ptr), events[i].events, now);
      }
    }
    HandleDeadlines(now);
    // Only now: events of this round may have been about a connection that ended in it.
    RemoveFinished();
  }
}

bool FrameGuard::TakeAdded() {
  eventfd_t ignored = 0;
  eventfd_read(wake_.get(), &ignored);
  std::vector<std::unique_ptr<Entry>> added;
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return false;
    added.swap(added_);
  }
  for (std::unique_ptr<Entry>& entry : added) {
    Entry* raw = entry.get();
    entries_.emplace(raw, std::move(entry));
    Update(*raw);
  }
  return true;
}

void FrameGuard::Handle(Socket& socket, uint32_t events, Clock::time_point now) {
  Entry& entry = *socket.entry;
  if (entry.removed) return;
  if (socket.is_client) {
    entry.relay.OnClient(events, scratch_, now);
  } else {
    entry.relay.OnServer(events, scratch_, now);
  }
  Count(entry);
  Update(entry);
}

void FrameGuard::HandleDeadlines(Clock::time_point now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    Entry& entry = *deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    entry.armed = Clock::time_point::max();
    entry.relay.OnDeadline(now);
    Update(entry);
  }
}

void FrameGuard::Count(Entry& entry) {
  const uint64_t now = entry.relay.request_octets();
  const std::string whose = shares_.Change(entry.uid, entry.process, std::exchange(entry.counted, now), now);
  if (!whose.empty()) entry.relay.Refuse(absl::StrCat("too much memory for the unanswered requests of ", whose));
}

void FrameGuard::Update(Entry& entry) {
  const bool finished = entry.relay.finished();
  // Closing a socket is not enough to have epoll forget it: a forked process may have a copy.
  Watch(entry.client, entry.relay.client(), finished ? 0 : entry.relay.client_events());
  Watch(entry.server, entry.relay.server(), finished ? 0 : entry.relay.server_events());
  const Clock::time_point due = finished ? Clock::time_point::max() : entry.relay.deadline();
  if (due != entry.armed) {
    if (entry.armed != Clock::time_point::max()) deadlines_.erase({entry.armed, &entry});
    if (due != Clock::time_point::max()) deadlines_.emplace(due, &entry);
    entry.armed = due;
  }
  if (finished) {
    entry.removed = true;
    finished_.push_back(&entry);
  }
}

void FrameGuard::Watch(Socket& socket, int fd, uint32_t events) {
  if (socket.events == events) return;
  // A socket without events is not watched at all: epoll would go on telling that its other end is closed.
  const int operation = events == 0 ? EPOLL_CTL_DEL : socket.events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  epoll_event event = {.events = events, .data = {.ptr = &socket}};
  if (epoll_ctl(epoll_.get(), operation, fd, &event) != 0) {
    spdlog::error("frame guard: epoll_ctl: {}", std::strerror(errno));
  }
  socket.events = events;
}

void FrameGuard::RemoveFinished() {
  if (finished_.empty()) return;
  uint64_t refused = 0;
  for (Entry* entry : finished_) {
    if (const std::string& violation = entry->relay.violation(); !violation.empty()) {
      ++refused;
      if (const auto left_out = throttle_.Admit(); left_out.has_value()) {
        spdlog::warn("closed the connection of {}: {} ({} such lines left out)", entry->description, violation,
                     *left_out);
      }
    }
    shares_.Change(entry->uid, entry->process, entry->counted, 0);
    entries_.erase(entry);
  }
  const std::lock_guard lock(mutex_);
  refused_ += refused;
  connections_ -= finished_.size();
  finished_.clear();
  if (connections_ == 0) empty_.notify_all();
}

int FrameGuard::Timeout(Clock::time_point now) const {
  if (deadlines_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadlines_.begin()->first - now).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, INT_MAX));
}

}  // namespace ddskey
