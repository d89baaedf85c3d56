#ifndef DAEMON_BACKEND_PKCS11_TOKEN_OWNER_H_
#define DAEMON_BACKEND_PKCS11_TOKEN_OWNER_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/device_queue.h"
#include "daemon/backend/fair_queue.h"
#include "daemon/backend/key_backend.h"
#include "daemon/backend/key_cache.h"
#include "daemon/backend/key_work.h"
#include "daemon/backend/pkcs11/pin_record.h"
#include "daemon/backend/pkcs11/token.h"
#include "daemon/backend/pkcs11/token_blob.h"
#include "daemon/backend/pkcs11/token_monitor.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::pkcs11 {

// TokenOwner is who uses a token. One thread opens it, looks after it now and then, and hands it works from the queue,
// as many at a time as it has sessions. Two others check each signature against the public key of its key before it
// leaves: one that is wrong is made once more, and never given out.
//
// A token that goes away is opened again by itself, and works that it did not finish are handed to it again, until
// their deadline. But a PIN that the token refused is not tried again: until there is another, works are refused with
// FAILED_PRECONDITION. What a work does to the module is not forgotten: one that was there each time the token went
// away, five times, is given up, and so is one that the module did not answer twice.
class TokenOwner {
 public:
  struct Options {
    // Null if none was given.
    std::shared_ptr<const SecretBytes> pin;
    FairQueue::Options queue;
    // How often the token is looked after; zero: only while it is away.
    std::chrono::milliseconds probe_interval;
    // How long opening it may take.
    std::chrono::milliseconds open_timeout;
  };

  TokenOwner(std::unique_ptr<Token> token, std::unique_ptr<CryptoLibrary> library, Options options);
  // The destructor ends the token, and completes with CANCELLED what is left.
  ~TokenOwner();
  TokenOwner(const TokenOwner&) = delete;
  TokenOwner& operator=(const TokenOwner&) = delete;

  DeviceQueue& queue() { return queue_; }
  const TokenMonitor& monitor() const { return monitor_; }
  uint64_t signatures() const { return signatures_; }
  // Stalled is the queue's, but for a token that has calls under way: these end by deadlines of their own.
  DeviceQueue::Time::duration Stalled();

 private:
  using Time = DeviceQueue::Time;

  // Task is a work in our hands.
  struct Task {
    explicit Task(DeviceQueue::Turn taken) : turn(std::move(taken)) {}
    DeviceQueue::Turn turn;
    // Of the token it was handed to, and how often that had been opened.
    std::string token;
    uint64_t opening = 0;
    int times_lost = 0;
    bool was_silent = false;
    bool was_wrong = false;
    EvpKey public_key = nullptr;
    // CKA_ID of the key, and the signature that was not checked yet.
    std::string id;
    Signature signature;
  };
  using TaskPtr = std::shared_ptr<Task>;

  enum class Stand {
    // To be opened at `next_open_`.
    kClosed,
    kOpening,
    kOpen,
    // Waits for a PIN.
    kLocked,
  };

  void Run();
  void Check();
  TaskPtr Next(std::unique_lock<std::mutex>& lock);
  void Open(std::unique_lock<std::mutex>& lock);
  void Opened(const std::shared_ptr<const SecretBytes>& pin, const absl::StatusOr<TokenState>& state);
  void Look(std::unique_lock<std::mutex>& lock);
  void Looked(const std::shared_ptr<const SecretBytes>& pin, uint64_t opening, const absl::StatusOr<TokenState>& state);
  void Lose(uint64_t opening, const absl::Status& why);
  void LosePin(const std::shared_ptr<const SecretBytes>& pin, const absl::Status& why);
  void Wake();
  void Returned();
  void Repeat(const TaskPtr& task);

  void Start(const TaskPtr& task);
  void Unlock(const TaskPtr& task, const UnlockRequest& request, bool is_locked);
  absl::Status Prepare(Task& task, const SealedKey& key);
  void Sign(const TaskPtr& task, const SignRequest& request);
  void Signed(const TaskPtr& task, absl::StatusOr<Signature> signature);
  void CheckOne(const TaskPtr& task);
  void Wrong(const TaskPtr& task);
  void Fail(const TaskPtr& task, const absl::Status& status);
  void Create(const TaskPtr& task, const CreateRequest& request);
  void Created(const TaskPtr& task, const absl::StatusOr<TokenKey>& key);
  absl::Status Sound(const TokenKey& key) const;
  void Adopt(const TaskPtr& task, const ImportRequest& request);
  void Found(const TaskPtr& task, const absl::StatusOr<TokenKey>& key);
  void Proven(const TaskPtr& task, const TokenKey& key, const std::string& digest,
              const absl::StatusOr<Signature>& signature);

  const std::unique_ptr<CryptoLibrary> library_;
  const std::chrono::milliseconds probe_interval_;
  const std::chrono::milliseconds open_timeout_;
  TokenMonitor monitor_;
  KeyCache public_keys_;
  std::atomic<uint64_t> signatures_ = 0;
  std::atomic<bool> has_lied_ = false;
  std::atomic<bool> has_key_problems_ = false;
  DeviceQueue queue_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  Stand stand_ = Stand::kClosed;
  // How often the token was opened.
  uint64_t opening_ = 0;
  size_t sessions_ = 1;
  size_t under_way_ = 0;
  bool looks_ = false;
  Time next_open_;
  Time next_look_;
  std::chrono::milliseconds pause_;
  PinRecord pins_;
  // Whoever gave the PIN that is being tried, if it was not known before.
  TaskPtr unlocking_;
  // To be handed out before what is in the queue.
  std::deque<TaskPtr> again_;

  std::mutex checks_mutex_;
  std::condition_variable to_check_;
  std::deque<TaskPtr> checks_;
  bool checked_ = false;

  std::unique_ptr<Token> token_;
  std::thread thread_;
  std::vector<std::thread> checkers_;
};

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_TOKEN_OWNER_H_
