#ifndef DAEMON_BACKEND_PKCS11_HELPER_SESSIONS_H_
#define DAEMON_BACKEND_PKCS11_HELPER_SESSIONS_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/pkcs11/helper/cryptoki.h"
#include "daemon/backend/pkcs11/helper/token_choice.h"

namespace ddskey::pkcs11 {

// PinKnowledge is what is known of a PIN before it is tried.
enum class PinKnowledge { kNew, kAccepted, kInDoubt };

// Pin is what to log in with; no octets if there is none.
struct Pin {
  std::span<const uint8_t> octets;
  PinKnowledge knowledge = PinKnowledge::kNew;
  // Called before the token gets it: if nothing is heard afterwards, it may have been counted.
  std::function<void()> before_try;
};

// Sessions are the sessions with one token in which its user is logged in, if it has one. Thread-safe.
class Sessions {
 public:
  // Open opens up to `limit` sessions and logs in, with at most one try of the PIN: none if the token says that its PIN
  // is locked; or if that was the last try, or one of the last for a PIN in doubt, unless it was accepted before.
  static absl::StatusOr<std::unique_ptr<Sessions>> Open(const CK_FUNCTION_LIST& functions, const ChosenToken& token,
                                                        size_t limit, const Pin& pin);
  ~Sessions();
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  // Borrow waits for a session that nobody uses; Return gives it back.
  CK_SESSION_HANDLE Borrow();
  void Return(CK_SESSION_HANDLE session);

  // Renew opens another session in the place of a borrowed one that is of no use. Lost if the token is away, or if
  // nobody is logged in there.
  absl::Status Renew(CK_SESSION_HANDLE& session);

  // Check is Lost unless the token is the same one as before, and its user is logged in.
  absl::Status Check(CK_SESSION_HANDLE session) const;

  size_t size() const { return size_; }
  const ChosenToken& token() const { return token_; }

 private:
  Sessions(const CK_FUNCTION_LIST& functions, const ChosenToken& token) : functions_(functions), token_(token) {}
  absl::Status LogIn(const Pin& pin);
  absl::StatusOr<CK_SESSION_HANDLE> OpenOne() const;
  bool NeedsLogin() const { return (token_.info.flags & CKF_LOGIN_REQUIRED) != 0; }

  const CK_FUNCTION_LIST& functions_;
  const ChosenToken token_;
  size_t size_ = 0;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<CK_SESSION_HANDLE> free_;
};

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_SESSIONS_H_
