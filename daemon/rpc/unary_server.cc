#include "daemon/rpc/unary_server.h"

#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "daemon/rpc/connection_bound.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

// What is read of one client before it is the next one's turn.
constexpr size_t kScratchOctets = size_t{16} * 1024;
// A larger request takes longer to read than a wake-up, and is read by the workers, where callers take turns.
constexpr size_t kLargeRequest = size_t{16} * 1024;
constexpr int kMaxEvents = 64;
// What epoll gives back for the inbox; connections are numbered from 1 on.
constexpr uint64_t kInbox = 0;
// How long a client that reads slowly may hold up the end of the daemon.
constexpr std::chrono::milliseconds kFlushTime{500};
constexpr std::chrono::milliseconds kFlushPause{10};

// Of the client's socket.
constexpr uint32_t kDescriptors = 1;

}  // namespace

// CallCount counts the calls that live.
struct UnaryServer::CallCount {
  bool WaitUntilNone(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex);
    return none.wait_for(lock, limit, [this] { return count == 0; });
  }

  std::mutex mutex;
  std::condition_variable none;
  size_t count = 0;
};

// Lease is what a call holds until its end: it counts, and so does its request, wherever its octets are by now.
struct UnaryServer::Lease {
  Lease(std::shared_ptr<CallCount> of_calls, std::shared_ptr<RequestShares> of_shares, const Subject& caller,
        size_t request)
      : calls(std::move(of_calls)),
        shares(std::move(of_shares)),
        uid(caller.uid),
        process{caller.pid, caller.start_time},
        octets(request),
        whose_bound(shares->Change(uid, process, 0, octets)) {
    const std::lock_guard lock(calls->mutex);
    ++calls->count;
  }
  ~Lease() {
    shares->Change(uid, process, octets, 0);
    const std::lock_guard lock(calls->mutex);
    if (--calls->count == 0) calls->none.notify_all();
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  const std::shared_ptr<CallCount> calls;
  const std::shared_ptr<RequestShares> shares;
  const uid_t uid;
  const ProcessId process;
  const size_t octets;
  // Whose bound it went over; empty if nobody's.
  const std::string whose_bound;
};

// Inbox is what other threads have for the server's thread; connections may outlive the server with it.
struct UnaryServer::Inbox {
  enum class Phase { kServing, kSayingGoodBye, kEndingCalls, kFlushing, kStopped };

  // Change does something to the inbox and wakes the thread.
  template <typename Work>
  void Change(const Work& work) {
    {
      const std::lock_guard lock(mutex);
      work();
    }
    eventfd_write(wake.get(), 1);
  }

  // MoveTo waits until the thread has done what belongs to `to`.
  void MoveTo(Phase to) {
    Change([&] { phase = to; });
    std::unique_lock lock(mutex);
    moved.wait(lock, [&] { return reached >= to; });
  }

  // WaitUntilRead waits `pause` unless all answers were read.
  bool WaitUntilRead(std::chrono::milliseconds pause) {
    std::unique_lock lock(mutex);
    if (with_output > 0) moved.wait_for(lock, pause);
    return with_output == 0;
  }

  const UniqueFd wake{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::mutex mutex;
  std::condition_variable moved;
  std::vector<Connection> added;
  std::vector<uint64_t> changed;
  Phase phase = Phase::kServing;
  Phase reached = Phase::kServing;
  // How many connections have answers that their clients did not read yet.
  size_t with_output = 0;
  uint64_t refused = 0;
};

// Entry is a connection, and what epoll and the deadlines know of it.
struct UnaryServer::Entry {
  const uint64_t number;
  const std::shared_ptr<ClientConnection> connection;
  uint32_t events = 0;
  Clock::time_point armed = Clock::time_point::max();
  bool removed = false;
};

absl::StatusOr<std::unique_ptr<UnaryServer>> UnaryServer::Start(ListeningSocket socket, const Options& options,
                                                                ServiceTable services) {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  auto inbox = std::make_shared<Inbox>();
  epoll_event event = {.events = EPOLLIN, .data = {.u64 = kInbox}};
  if (!epoll.valid() || !inbox->wake.valid() || epoll_ctl(epoll.get(), EPOLL_CTL_ADD, inbox->wake.get(), &event) != 0) {
    return absl::InternalError(absl::StrCat("making a server: ", std::strerror(errno)));
  }
  std::unique_ptr<UnaryServer> server(
      new UnaryServer(options, std::move(services), std::move(epoll), std::move(inbox)));
  server->thread_ = std::thread([raw = server.get()] { raw->Run(); });
  ASSIGN_OR_RETURN(server->listener_,
                   Listener::Start(std::move(socket), server->connections_,
                                   [raw = server.get()](Connection connection) { raw->Add(std::move(connection)); }));
  return server;
}

UnaryServer::UnaryServer(const Options& options, ServiceTable services, UniqueFd epoll, std::shared_ptr<Inbox> inbox)
    : name_(options.name),
      max_message_octets_(options.max_message_octets),
      services_(std::move(services)),
      connections_("connections", {.total = ConnectionBound(options.name, options.limits.connections, kDescriptors),
                                   .per_uid = options.limits.connections_per_uid,
                                   .per_process = options.limits.connections_per_process}),
      epoll_(std::move(epoll)),
      inbox_(std::move(inbox)),
      run_large_(options.run_large),
      shares_(std::make_shared<RequestShares>(RequestShares::Bounds{.per_process = kRequestOctetsPerProcess,
                                                                    .per_uid = kRequestOctetsPerUid,
                                                                    .total = kApplicationMemoryOctets})),
      calls_(std::make_shared<CallCount>()),
      scratch_(kScratchOctets) {}

UnaryServer::~UnaryServer() { Shutdown(std::chrono::milliseconds(0)); }

void UnaryServer::Shutdown(std::chrono::milliseconds grace) {
  if (!thread_.joinable()) return;
  if (listener_ != nullptr) listener_->Stop();
  inbox_->MoveTo(Inbox::Phase::kSayingGoodBye);
  if (!calls_->WaitUntilNone(grace)) {
    inbox_->MoveTo(Inbox::Phase::kEndingCalls);
    while (!calls_->WaitUntilNone(std::chrono::hours(1))) {
    }
  }
  const auto until = Clock::now() + kFlushTime;
  do {
    inbox_->MoveTo(Inbox::Phase::kFlushing);
  } while (!inbox_->WaitUntilRead(kFlushPause) && Clock::now() < until);
  inbox_->MoveTo(Inbox::Phase::kStopped);
  thread_.join();
  // What was begun in the meantime uses what is destroyed after the server.
  while (!calls_->WaitUntilNone(std::chrono::hours(1))) {
  }
}

uint64_t UnaryServer::refused_count() const {
  const std::lock_guard lock(inbox_->mutex);
  return inbox_->refused;
}

Heartbeat::Clock::duration UnaryServer::silence() const { return std::max(heartbeat_.silence(), listener_->silence()); }

void UnaryServer::Add(Connection connection) {
  inbox_->Change([&] { inbox_->added.push_back(std::move(connection)); });
}

void UnaryServer::Run() {
  std::array<epoll_event, kMaxEvents> events;
  bool serving = true;
  while (serving) {
    heartbeat_.Beat();
    const int count = epoll_wait(epoll_.get(), events.data(), kMaxEvents, Heartbeat::Bounded(Timeout(Clock::now())));
    if (count < 0 && errno != EINTR) {
      spdlog::critical("{} socket: epoll_wait: {}", name_, std::strerror(errno));
      break;
    }
    const Clock::time_point now = Clock::now();
    for (int i = 0; i < count && serving; ++i) {
      if (events[i].data.u64 == kInbox) {
        serving = TakeInbox(now);
      } else if (const auto found = entries_.find(events[i].data.u64); found != entries_.end()) {
        Handle(*found->second, events[i].events, now);
      }
    }
    HandleDeadlines(now);
    RemoveFinished();
  }
  for (const auto& [number, entry] : entries_) entry->connection->End();
  entries_.clear();
  const std::lock_guard lock(inbox_->mutex);
  inbox_->reached = Inbox::Phase::kStopped;
  inbox_->moved.notify_all();
}

bool UnaryServer::TakeInbox(Clock::time_point now) {
  eventfd_t ignored = 0;
  eventfd_read(inbox_->wake.get(), &ignored);
  std::vector<Connection> added;
  std::vector<uint64_t> changed;
  Inbox::Phase phase;
  Inbox::Phase before;
  {
    const std::lock_guard lock(inbox_->mutex);
    added.swap(inbox_->added);
    changed.swap(inbox_->changed);
    phase = inbox_->phase;
    before = inbox_->reached;
  }
  if (phase == Inbox::Phase::kStopped) return false;
  for (Connection& connection : added) Enter(std::move(connection), now);
  for (const uint64_t number : changed) {
    if (const auto found = entries_.find(number); found != entries_.end()) Update(*found->second);
  }
  if (phase == Inbox::Phase::kServing) return true;
  begins_calls_ = phase < Inbox::Phase::kEndingCalls;
  size_t with_output = 0;
  for (const auto& [number, entry] : entries_) {
    if (before < Inbox::Phase::kSayingGoodBye) entry->connection->SayGoodBye();
    if (before < Inbox::Phase::kEndingCalls && phase == Inbox::Phase::kEndingCalls) entry->connection->LeaveCalls();
    with_output += entry->connection->has_output() ? 1 : 0;
    Update(*entry);
  }
  const std::lock_guard lock(inbox_->mutex);
  inbox_->reached = phase;
  inbox_->with_output = with_output;
  inbox_->moved.notify_all();
  return true;
}

void UnaryServer::Enter(Connection connection, Clock::time_point now) {
  auto session = Http2Session::Create(max_message_octets_);
  if (!session.ok()) {
    spdlog::warn("{} socket: {}", name_, std::string(session.status().message()));
    return;
  }
  const uint64_t number = ++last_number_;
  auto changed = [inbox = inbox_, number] { inbox->Change([&] { inbox->changed.push_back(number); }); };
  auto client =
      std::make_shared<ClientConnection>(std::move(connection), *std::move(session), shares_, std::move(changed), now);
  auto entry = std::make_unique<Entry>(Entry{number, std::move(client)});
  Entry& raw = *entry;
  entries_.emplace(number, std::move(entry));
  Update(raw);
}

void UnaryServer::Handle(Entry& entry, uint32_t events, Clock::time_point now) {
  if (entry.removed) return;
  for (Http2Session::Request& request : entry.connection->OnReady(events, scratch_, now)) {
    Begin(entry, std::move(request), now);
  }
  Update(entry);
}

void UnaryServer::Begin(Entry& entry, Http2Session::Request request, Clock::time_point now) {
  const auto lease =
      std::make_shared<const Lease>(calls_, shares_, *entry.connection->subject(), request.message.size());
  UnaryCall::Origin origin{
      .sink = entry.connection, .stream = request.stream, .caller = entry.connection->subject(), .lease = lease};
  if (request.timeout.has_value()) origin.deadline = now + *request.timeout;
  const auto call = std::make_shared<UnaryCall>(std::move(origin));
  entry.connection->Track(request.stream, call);
  if (!begins_calls_) return call->Finish(absl::UnavailableError("the daemon ends; another one will answer"));
  if (!lease->whose_bound.empty()) {
    return call->Finish(
        absl::ResourceExhaustedError(absl::StrCat("too much memory for the calls of ", lease->whose_bound)));
  }
  if (request.message.size() <= kLargeRequest || run_large_ == nullptr) {
    return services_.Handle(request.path, call, request.message);
  }
  run_large_(call->caller(),
             [this, call, request = std::move(request)] { services_.Handle(request.path, call, request.message); });
}

void UnaryServer::HandleDeadlines(Clock::time_point now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const auto found = entries_.find(deadlines_.begin()->second);
    deadlines_.erase(deadlines_.begin());
    if (found == entries_.end()) continue;
    Entry& entry = *found->second;
    entry.armed = Clock::time_point::max();
    entry.connection->OnDeadline(now);
    Update(entry);
  }
}

void UnaryServer::Update(Entry& entry) {
  if (entry.removed) return;
  const ClientConnection::Wants wants = entry.connection->wants();
  if (wants.events != entry.events) {
    // Closing a socket is not enough to have epoll forget it: a forked process may have a copy.
    const int operation = wants.events == 0 ? EPOLL_CTL_DEL : entry.events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    epoll_event event = {.events = wants.events, .data = {.u64 = entry.number}};
    if (epoll_ctl(epoll_.get(), operation, entry.connection->socket(), &event) != 0) {
      spdlog::error("{} socket: epoll_ctl: {}", name_, std::strerror(errno));
    }
    entry.events = wants.events;
  }
  if (wants.deadline != entry.armed) {
    if (entry.armed != Clock::time_point::max()) deadlines_.erase({entry.armed, entry.number});
    if (wants.deadline != Clock::time_point::max()) deadlines_.emplace(wants.deadline, entry.number);
    entry.armed = wants.deadline;
  }
  if (wants.finished) {
    entry.removed = true;
    finished_.push_back(entry.number);
  }
}

void UnaryServer::RemoveFinished() {
  for (const uint64_t number : finished_) {
    const auto found = entries_.find(number);
    if (found == entries_.end()) continue;
    const ClientConnection& connection = *found->second->connection;
    if (const std::string violation = connection.violation(); !violation.empty()) {
      {
        const std::lock_guard lock(inbox_->mutex);
        ++inbox_->refused;
      }
      if (const auto left_out = throttle_.Admit(); left_out.has_value()) {
        spdlog::warn("closed the connection of uid {} pid {}: {} ({} such lines left out)", connection.subject()->uid,
                     connection.subject()->pid, violation, *left_out);
      }
    }
    found->second->connection->End();
    entries_.erase(found);
  }
  finished_.clear();
}

int UnaryServer::Timeout(Clock::time_point now) const {
  if (deadlines_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadlines_.begin()->first - now).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, INT_MAX));
}

}  // namespace ddskey
