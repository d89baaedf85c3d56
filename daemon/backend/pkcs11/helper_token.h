#ifndef DAEMON_BACKEND_PKCS11_HELPER_TOKEN_H_
#define DAEMON_BACKEND_PKCS11_HELPER_TOKEN_H_

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/pkcs11/answer.h"
#include "daemon/backend/pkcs11/frame.h"
#include "daemon/backend/pkcs11/helper_options.h"
#include "daemon/backend/pkcs11/helper_process.h"
#include "daemon/backend/pkcs11/pin_history.h"
#include "daemon/backend/pkcs11/token.h"

namespace ddskey::pkcs11 {

// HelperToken is a token of a module that runs in a process of its own, ddskeyd-pkcs11 (S-15): started by this object
// at the first Open, or by systemd behind a socket. One thread reads the answers, keeps the deadlines and calls `done`.
//
// A module has as many calls at a time as the token has sessions; others wait here. A caller's deadline answers that
// caller. It is Options::call_deadline that decides that a module hangs, whoever still waits: its process is then
// ended. A process that ended is started at the next Open, 50 ms after its end at the earliest, and up to 2 s after it
// when those before never had their token open for some seconds. Opens are done one after the other; when a PIN is
// refused, those that wait get the same answer. How often a PIN is tried of which nobody hears what became: PinHistory.
// Nothing that the process says is believed to be of any size, form or meaning.
class HelperToken : public Token {
 public:
  // Create starts nothing yet. INVALID_ARGUMENT for options that cannot be.
  static absl::StatusOr<std::unique_ptr<HelperToken>> Create(HelperOptions options);

  ~HelperToken() override;
  HelperToken(const HelperToken&) = delete;
  HelperToken& operator=(const HelperToken&) = delete;

  void Open(std::shared_ptr<const SecretBytes> pin, Time deadline, Done<TokenState> done) override;
  void Create(KeyAlgorithm algorithm, std::string id, std::string label, Time deadline, Done<TokenKey> done) override;
  void Find(std::string label, Time deadline, Done<TokenKey> done) override;
  void Sign(std::string id, SignatureScheme scheme, std::string digest, Time deadline, Done<Signature> done) override;
  void Destroy(std::string id, Time deadline, std::function<void(const absl::Status&)> done) override;

  // process is the child that runs the module now, for tests; 0 if there is none, or it is systemd's.
  pid_t process() const;

 private:
  using Answered = std::function<void(absl::StatusOr<Answer>)>;

  // A call that waits, or was sent.
  struct Call {
    wire::HelperRequest request;
    // The caller's, and null once it was answered.
    Answered done;
    Time deadline;
    // Opens only.
    std::shared_ptr<const SecretBytes> pin;
    // When the module hangs; for calls that were sent.
    Time limit = {};
    // Whether the process said that the PIN goes to the token.
    bool tries_pin = false;
  };
  using Ready = std::pair<Answered, absl::StatusOr<Answer>>;

  HelperToken(HelperOptions options, std::unique_ptr<CryptoLibrary> library, int wake);

  void Submit(wire::HelperRequest request, Time deadline, Answered done);
  void Wake() const;
  // RemoveUnwanted destroys a pair that nobody got.
  void RemoveUnwanted(const std::string& id);

  // The rest is done by the thread, which holds the lock; `Lock` says that it lets go of it meanwhile.
  using Lock = std::unique_lock<std::mutex>;
  void Run();
  void Sleep(Lock& lock);
  void Stop(Lock& lock);
  void CallReady(Lock& lock);
  void Expire(Lock& lock, Time now);
  void ReadLastWords(Lock& lock);
  void BeginOpen(Lock& lock);
  void RefuseDoubtful();
  void SendOpen(Call call);
  void SendWaiting();
  void ReadAnswers(Lock& lock);
  void Take(Lock& lock, Answer answer);
  void TakeOpen(const Call& call, const Answer& answer);
  void EndProcess(Lock& lock, const absl::Status& why);
  Time NextEvent() const;

  // Called by any thread, with the lock.
  void Finish(Answered done, absl::StatusOr<Answer> answer);
  void Send(Call call, std::span<const uint8_t> secret = {});

  const HelperOptions options_;
  const std::unique_ptr<CryptoLibrary> library_;
  const int wake_;

  mutable std::mutex mutex_;
  // Made with each process.
  std::optional<FrameReader> reader_;
  std::unique_ptr<HelperProcess> process_;
  // What is wrong with the connection, found by another thread.
  absl::Status broken_;
  // Until when the thread sleeps.
  Time sleeps_until_ = Time::max();
  bool stop_ = false;
  bool is_open_ = false;
  size_t sessions_ = 1;
  uint64_t last_id_ = 0;
  std::deque<Call> opens_;
  std::deque<Call> waiting_;
  std::map<uint64_t, Call> sent_;
  std::vector<Ready> ready_;
  // When a process may be started, and how long that is to be after the end of this one.
  Time next_start_ = {};
  std::chrono::milliseconds back_off_;
  bool is_opening_ = false;
  PinHistory pins_;
  // When this process first had its token open.
  Time opened_at_ = {};

  // Of the thread alone.
  bool was_busy_ = false;
  std::string process_warning_;

  std::thread thread_;
};

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_TOKEN_H_
