#include "daemon/backend/pkcs11/helper_token.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::pkcs11 {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kProtocol = 2;
constexpr size_t kMaxWaiting = 1024;
constexpr milliseconds kShortestBackOff(50);
constexpr milliseconds kLongestBackOff(2000);
// Of service, after which the next pause is the shortest one: a module that crashes at each call is no good service.
constexpr milliseconds kGoodService(5000);
// The helper ends itself when a call is over its limit; this much later it is ended.
constexpr milliseconds kGrace(500);
constexpr milliseconds kLinger(50);
// Searching for primes takes a card's chip a while.
constexpr int kCreateFactor = 10;

absl::Status DeadlineOver() {
  return absl::DeadlineExceededError("the PKCS#11 module did not answer in time; whether it did its work is unknown");
}

absl::Status NotOpen() { return absl::UnavailableError("the PKCS#11 token is away, or was not opened since it came"); }

absl::Status TooDoubtful() {
  absl::Status status = absl::FailedPreconditionError(
      "twice nobody heard what the token thought of its PIN, so it is not tried again by itself: find out why logging "
      "in fails, and whether the token has counted wrong tries, before it is given anew");
  status.SetPayload(kPinRefused, absl::Cord("untried"));
  return status;
}

// What `read` reads in an answer, if there is one and it is good.
template <typename Read>
auto ReadFrom(const absl::StatusOr<Answer>& answer, const Read& read) -> decltype(read(*answer)) {
  RETURN_IF_ERROR(answer.status());
  RETURN_IF_ERROR(StatusOf(*answer));
  return read(*answer);
}

}  // namespace

absl::StatusOr<std::unique_ptr<HelperToken>> HelperToken::Create(HelperOptions options) {
  RETURN_IF_ERROR(CheckHelperOptions(options));
  ASSIGN_OR_RETURN(std::unique_ptr<CryptoLibrary> library, CryptoLibrary::Create());
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake < 0) return absl::InternalError(absl::StrCat("making an event descriptor: ", std::strerror(errno)));
  return std::unique_ptr<HelperToken>(new HelperToken(std::move(options), std::move(library), wake));
}

HelperToken::HelperToken(HelperOptions options, std::unique_ptr<CryptoLibrary> library, int wake)
    : options_(std::move(options)), library_(std::move(library)), wake_(wake), back_off_(kShortestBackOff) {
  thread_ = std::thread([this] { Run(); });
}

HelperToken::~HelperToken() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  Wake();
  thread_.join();
  close(wake_);
}

pid_t HelperToken::process() const {
  const std::lock_guard lock(mutex_);
  return process_ == nullptr ? 0 : process_->pid();
}

void HelperToken::Wake() const {
  const uint64_t one = 1;
  // The counter cannot be full.
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof(one));
}

void HelperToken::Finish(Answered done, absl::StatusOr<Answer> answer) {
  if (done != nullptr) ready_.emplace_back(std::move(done), std::move(answer));
}

void HelperToken::Send(Call call, std::span<const uint8_t> secret) {
  const int factor = call.request.has_create() ? kCreateFactor : 1;
  const milliseconds limit = std::min<milliseconds>(options_.call_deadline * factor, kLongestCall);
  call.limit = std::chrono::steady_clock::now() + limit + kGrace;
  call.request.set_id(++last_id_);
  call.request.set_limit_ms(static_cast<uint32_t>(limit.count()));
  const std::string message = call.request.SerializeAsString();
  sent_.emplace(last_id_, std::move(call));
  if (broken_.ok()) broken_ = WriteFrame(process_->fd(), message, secret, MSG_DONTWAIT);
}

void HelperToken::Submit(wire::HelperRequest request, Time deadline, Answered done) {
  const Time now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  Call call = {.request = std::move(request), .done = std::move(done), .deadline = deadline, .pin = nullptr};
  if (deadline <= now) {
    Finish(std::move(call.done), DeadlineOver());
  } else if (!is_open_) {
    Finish(std::move(call.done), NotOpen());
  } else if (waiting_.size() >= kMaxWaiting) {
    Finish(std::move(call.done), absl::ResourceExhaustedError("too many calls wait for the PKCS#11 token"));
  } else if (waiting_.empty() && sent_.size() < sessions_) {
    Send(std::move(call));
  } else {
    waiting_.push_back(std::move(call));
  }
  // The thread must look if there is something for it, or if it would sleep too long.
  const Time needed = std::min(deadline, now + options_.call_deadline);
  if (!ready_.empty() || !broken_.ok() || needed < sleeps_until_) Wake();
}

void HelperToken::Open(std::shared_ptr<const SecretBytes> pin, Time deadline, Done<TokenState> done) {
  Answered answered = [this, done = std::move(done)](const absl::StatusOr<Answer>& answer) {
    auto state = ReadFrom(answer, TokenStateOf);
    if (state.ok() && state->warning.empty()) state->warning = process_warning_;
    done(std::move(state));
  };
  const std::lock_guard lock(mutex_);
  if (pin != nullptr && pin->size() > kMaxSecret) {
    Finish(std::move(answered), absl::InvalidArgumentError("the PIN of a token has 1 to 255 octets"));
  } else if (opens_.size() >= kMaxWaiting) {
    Finish(std::move(answered), absl::ResourceExhaustedError("too many calls wait for the PKCS#11 token"));
  } else {
    Call call = {.request = {}, .done = std::move(answered), .deadline = deadline, .pin = std::move(pin)};
    call.request.mutable_open()->set_version(kProtocol);
    opens_.push_back(std::move(call));
  }
  Wake();
}

void HelperToken::Create(KeyAlgorithm algorithm, std::string id, std::string label, Time deadline,
                         Done<TokenKey> done) {
  wire::HelperRequest request;
  wire::CreateCall& call = *request.mutable_create();
  call.set_algorithm(static_cast<uint32_t>(algorithm));
  call.set_id(id);
  call.set_label(label);
  Submit(std::move(request), deadline,
         [this, algorithm, id = std::move(id), done = std::move(done)](const absl::StatusOr<Answer>& answer) {
           auto key = ReadFrom(answer, [this](const Answer& good) { return TokenKeyOf(good, *library_); });
           if (key.ok() && (key->id != id || key->algorithm != algorithm)) {
             key = absl::DataLossError("the PKCS#11 module made another key than it was asked for");
           }
           if (!key.ok() && answer.ok() && answer->code() == 0) RemoveUnwanted(id);
           done(std::move(key));
         });
}

void HelperToken::RemoveUnwanted(const std::string& id) {
  wire::HelperRequest request;
  request.mutable_destroy()->set_id(id);
  Submit(std::move(request), Time::max(), nullptr);
}

void HelperToken::Find(std::string label, Time deadline, Done<TokenKey> done) {
  wire::HelperRequest request;
  request.mutable_find()->set_label(label);
  Submit(std::move(request), deadline,
         [this, label = std::move(label), done = std::move(done)](const absl::StatusOr<Answer>& answer) {
           auto key = ReadFrom(answer, [this](const Answer& good) { return TokenKeyOf(good, *library_); });
           if (key.ok() && key->label != label) {
             key = absl::DataLossError("the PKCS#11 module found another key than it was asked for");
           }
           done(std::move(key));
         });
}

void HelperToken::Sign(std::string id, SignatureScheme scheme, std::string digest, Time deadline,
                       Done<Signature> done) {
  wire::HelperRequest request;
  wire::SignCall& call = *request.mutable_sign();
  call.set_id(std::move(id));
  call.set_scheme(static_cast<uint32_t>(scheme));
  call.set_digest(std::move(digest));
  Submit(std::move(request), deadline,
         [done = std::move(done)](const absl::StatusOr<Answer>& answer) { done(ReadFrom(answer, SignatureOf)); });
}

void HelperToken::Destroy(std::string id, Time deadline, std::function<void(const absl::Status&)> done) {
  wire::HelperRequest request;
  request.mutable_destroy()->set_id(std::move(id));
  Submit(std::move(request), deadline,
         [done = std::move(done)](const absl::StatusOr<Answer>& answer) { done(ReadFrom(answer, StatusOf)); });
}

void HelperToken::Run() {
  Lock lock(mutex_);
  while (!stop_) {
    if (!broken_.ok()) EndProcess(lock, broken_);
    Expire(lock, std::chrono::steady_clock::now());
    BeginOpen(lock);
    SendWaiting();
    if (!ready_.empty()) {
      CallReady(lock);
    } else if (broken_.ok()) {
      Sleep(lock);
    }
  }
  Stop(lock);
}

void HelperToken::Sleep(Lock& lock) {
  sleeps_until_ = NextEvent();
  // Where there was a call, there will soon be another, whose caller need not wake us.
  if (std::exchange(was_busy_, false))
    sleeps_until_ = std::min(sleeps_until_, std::chrono::steady_clock::now() + kLinger);
  const auto left = std::max(sleeps_until_ - std::chrono::steady_clock::now(), Time::duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  const timespec limit = {.tv_sec = seconds.count(), .tv_nsec = std::chrono::nanoseconds(left - seconds).count()};
  pollfd watched[2] = {{wake_, POLLIN, 0}, {process_ == nullptr ? -1 : process_->fd(), POLLIN, 0}};
  const bool endless = sleeps_until_ == Time::max();
  lock.unlock();
  ppoll(watched, 2, endless ? nullptr : &limit, nullptr);
  lock.lock();
  sleeps_until_ = Time::min();
  if (watched[0].revents != 0) {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(wake_, &count, sizeof(count));
  }
  if (watched[1].revents != 0) ReadAnswers(lock);
}

HelperToken::Time HelperToken::NextEvent() const {
  Time next = Time::max();
  for (const auto& [id, call] : sent_) {
    next = std::min(next, call.limit);
    if (call.done != nullptr) next = std::min(next, call.deadline);
  }
  for (const Call& call : waiting_) next = std::min(next, call.deadline);
  for (const Call& call : opens_) next = std::min(next, call.deadline);
  if (!opens_.empty() && process_ == nullptr) next = std::min(next, next_start_);
  return next;
}

void HelperToken::CallReady(Lock& lock) {
  std::vector<Ready> ready = std::exchange(ready_, {});
  lock.unlock();
  for (auto& [done, answer] : ready) done(std::move(answer));
  lock.lock();
}

void HelperToken::Expire(Lock& lock, Time now) {
  const auto late = [this, now](Call& call) {
    if (call.deadline > now) return false;
    Finish(std::move(call.done), DeadlineOver());
    return true;
  };
  std::erase_if(waiting_, late);
  std::erase_if(opens_, late);
  ReadLastWords(lock);
  bool hangs = false;
  for (auto& [id, call] : sent_) {
    // A caller that gave up does not mean that the module hangs.
    if (call.done != nullptr && call.deadline <= now) Finish(std::exchange(call.done, nullptr), DeadlineOver());
    if (call.limit > now) continue;
    hangs = true;
    Finish(std::exchange(call.done, nullptr), DeadlineOver());
  }
  if (hangs) EndProcess(lock, absl::UnavailableError("the PKCS#11 module hung, and is started again"));
}

// ReadLastWords reads what a process has said of the PIN before an Open of it became late.
void HelperToken::ReadLastWords(Lock& lock) {
  const Time now = std::chrono::steady_clock::now();
  const bool is_late = std::any_of(sent_.begin(), sent_.end(), [now](const auto& sent) {
    return sent.second.pin != nullptr && sent.second.limit <= now;
  });
  if (!is_late || process_ == nullptr) return;
  pollfd said = {process_->fd(), POLLIN, 0};
  if (poll(&said, 1, 0) == 1) ReadAnswers(lock);
}

// RefuseDoubtful answers Opens whose PIN is too doubtful.
void HelperToken::RefuseDoubtful() {
  if (is_open_) return;
  const auto refused = std::erase_if(opens_, [this](Call& call) {
    if (pins_.MayTry(call.pin)) return false;
    Finish(std::move(call.done), TooDoubtful());
    return true;
  });
  if (refused > 0) pins_.AllowOneMore();
}

void HelperToken::BeginOpen(Lock& lock) {
  if (!is_opening_) RefuseDoubtful();
  if (opens_.empty() || is_opening_) return;
  if (process_ == nullptr) {
    if (std::chrono::steady_clock::now() < next_start_) return;
    lock.unlock();
    auto process = HelperProcess::Start(options_);
    auto reader = FrameReader::Create();
    lock.lock();
    const absl::Status status = process.ok() ? reader.status() : process.status();
    if (!status.ok()) {
      while (!opens_.empty()) {
        Finish(std::move(opens_.front().done), status);
        opens_.pop_front();
      }
      next_start_ = std::chrono::steady_clock::now() + back_off_;
      back_off_ = std::min(back_off_ * 2, kLongestBackOff);
      return;
    }
    process_ = *std::move(process);
    process_warning_ = process_->warning();
    reader_ = *std::move(reader);
  }
  // Its deadline may have passed meanwhile.
  if (opens_.empty()) return;
  Call call = std::move(opens_.front());
  opens_.pop_front();
  SendOpen(std::move(call));
}

void HelperToken::SendOpen(Call call) {
  is_opening_ = true;
  // A token that is open has been told.
  if (is_open_) call.pin = nullptr;
  const std::shared_ptr<const SecretBytes> pin = call.pin;
  call.request.mutable_open()->set_pin_history(pins_.Of(pin));
  Send(std::move(call), pin == nullptr ? std::span<const uint8_t>() : pin->Reveal(SecretAccess()));
}

void HelperToken::SendWaiting() {
  while (is_open_ && !waiting_.empty() && sent_.size() < sessions_) {
    Call call = std::move(waiting_.front());
    waiting_.pop_front();
    Send(std::move(call));
  }
}

void HelperToken::ReadAnswers(Lock& lock) {
  if (process_ == nullptr) return;
  was_busy_ = true;
  if (const absl::Status filled = reader_->Fill(process_->fd()); !filled.ok()) {
    EndProcess(lock, filled);
    return;
  }
  while (process_ != nullptr) {
    const auto frame = reader_->Next();
    if (!frame.ok()) {
      EndProcess(lock, absl::UnavailableError(std::string(frame.status().message())));
      return;
    }
    if (!frame->has_value()) return;
    auto answer = ParseAnswer((*frame)->message);
    if (answer.ok() && answer->tries_pin()) {
      const auto open = sent_.find(answer->id());
      if (open != sent_.end() && open->second.pin != nullptr && !std::exchange(open->second.tries_pin, true)) continue;
    }
    if (!answer.ok() || answer->tries_pin() || !sent_.contains(answer->id())) {
      EndProcess(lock, absl::UnavailableError("the PKCS#11 module's process answered what nobody had asked"));
      return;
    }
    Take(lock, *std::move(answer));
  }
}

void HelperToken::Take(Lock& lock, Answer answer) {
  Call call = std::move(sent_.extract(answer.id()).mapped());
  const bool is_open_call = call.request.has_open();
  if (is_open_call) TakeOpen(call, answer);
  // Whoever wanted the pair has gone.
  const bool unwanted = call.done == nullptr && call.request.has_create() && answer.code() == 0;
  const bool lost = answer.lost() || (is_open_call && !is_open_ && answer.pin_refused().empty());
  const absl::Status status = StatusOf(answer);
  Finish(std::move(call.done), std::move(answer));
  if (lost) EndProcess(lock, status.ok() ? NotOpen() : status);
  if (unwanted && is_open_) {
    Call removal = {.request = {}, .done = nullptr, .deadline = Time::max(), .pin = nullptr};
    removal.request.mutable_destroy()->set_id(call.request.create().id());
    waiting_.push_back(std::move(removal));
  }
}

void HelperToken::TakeOpen(const Call& call, const Answer& answer) {
  is_opening_ = false;
  const absl::Status status = StatusOf(answer);
  const auto state = status.ok() ? TokenStateOf(answer) : absl::StatusOr<TokenState>(status);
  is_open_ = state.ok();
  const auto refusal = status.GetPayload(kPinRefused);
  if (state.ok()) {
    sessions_ = std::min(state->sessions, options_.sessions);
    if (opened_at_ == Time()) opened_at_ = std::chrono::steady_clock::now();
    pins_.Accept(call.pin);
  } else if (refusal.has_value()) {
    if (*refusal != "untried") pins_.Refuse(call.pin);
    // Those who wait have the same PIN, and it must not be tried once for each of them.
    for (Call& other : opens_) {
      if (PinHistory::IsSame(other.pin, call.pin)) Finish(std::move(other.done), answer);
    }
    std::erase_if(opens_, [&call](const Call& other) { return PinHistory::IsSame(other.pin, call.pin); });
  } else if (call.tries_pin) {
    pins_.Doubt(call.pin);
  }
}

void HelperToken::EndProcess(Lock& lock, const absl::Status& why) {
  if (process_ == nullptr) return;
  const Time opened_at = std::exchange(opened_at_, Time());
  const bool was_good = opened_at != Time() && std::chrono::steady_clock::now() - opened_at >= kGoodService;
  is_open_ = false;
  is_opening_ = false;
  const std::unique_ptr<HelperProcess> process = std::move(process_);
  lock.unlock();
  const std::string how = process->End();
  lock.lock();
  broken_ = absl::OkStatus();
  if (was_good) back_off_ = kShortestBackOff;
  next_start_ = std::chrono::steady_clock::now() + back_off_;
  back_off_ = std::min(back_off_ * 2, kLongestBackOff);
  const absl::Status status = absl::UnavailableError(how.empty() ? std::string(why.message())
                                                                 : absl::StrCat("the PKCS#11 module's process ", how));
  for (auto& [id, call] : sent_) {
    if (call.tries_pin) pins_.Doubt(call.pin);
    Finish(std::move(call.done), status);
  }
  sent_.clear();
  for (Call& call : waiting_) Finish(std::move(call.done), status);
  waiting_.clear();
}

void HelperToken::Stop(Lock& lock) {
  const absl::Status cancelled = absl::CancelledError("the PKCS#11 token is closed");
  for (auto& [id, call] : sent_) Finish(std::exchange(call.done, nullptr), cancelled);
  for (std::deque<Call>* calls : {&opens_, &waiting_}) {
    for (Call& call : *calls) Finish(std::exchange(call.done, nullptr), cancelled);
  }
  EndProcess(lock, cancelled);
  while (!ready_.empty()) CallReady(lock);
}

}  // namespace ddskey::pkcs11
