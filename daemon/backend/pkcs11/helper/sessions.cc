#include "daemon/backend/pkcs11/helper/sessions.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/cord.h"
#include "daemon/backend/pkcs11/helper/ckr.h"
#include "daemon/backend/pkcs11/token.h"
#include "proto/contract/status_macros.h"

namespace ddskey::pkcs11 {
namespace {

absl::Status Refused(const char* why, const char* message) {
  absl::Status status = absl::FailedPreconditionError(message);
  status.SetPayload(kPinRefused, absl::Cord(why));
  return status;
}

// Whether the token's flags let us try the PIN at all: the last try is an administrator's.
absl::Status MayTry(CK_FLAGS flags, PinKnowledge knowledge) {
  if ((flags & CKF_USER_PIN_LOCKED) != 0) {
    return Refused("locked", "the token's PIN is locked: unlock it with the security officer's PIN");
  }
  if (knowledge == PinKnowledge::kAccepted) return absl::OkStatus();
  if ((flags & CKF_USER_PIN_FINAL_TRY) != 0) {
    return Refused("untried",
                   "one try of the token's PIN is left, and is not used: log in with another program, or set the PIN "
                   "anew with the security officer's");
  }
  if (knowledge == PinKnowledge::kInDoubt && (flags & CKF_USER_PIN_COUNT_LOW) != 0) {
    return Refused("untried",
                   "the token did not say what it thought of its PIN and has counted a wrong one: log in with another "
                   "program, which sets the count back");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Sessions>> Sessions::Open(const CK_FUNCTION_LIST& functions, const ChosenToken& token,
                                                         size_t limit, const Pin& pin) {
  const CK_ULONG most = token.info.ulMaxSessionCount;
  if (most != CK_UNAVAILABLE_INFORMATION && most != CK_EFFECTIVELY_INFINITE) limit = std::min<size_t>(limit, most);
  std::unique_ptr<Sessions> sessions(new Sessions(functions, token));
  ASSIGN_OR_RETURN(const CK_SESSION_HANDLE first, sessions->OpenOne());
  sessions->free_.push_back(first);
  RETURN_IF_ERROR(sessions->LogIn(pin));
  while (sessions->free_.size() < limit) {
    const auto another = sessions->OpenOne();
    // It has fewer than it said.
    if (!another.ok()) break;
    sessions->free_.push_back(*another);
  }
  sessions->size_ = sessions->free_.size();
  return sessions;
}

Sessions::~Sessions() { functions_.C_CloseAllSessions(token_.slot); }

absl::StatusOr<CK_SESSION_HANDLE> Sessions::OpenOne() const {
  CK_SESSION_HANDLE session = 0;
  CK_RV value = functions_.C_OpenSession(token_.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session);
  if (value == CKR_TOKEN_WRITE_PROTECTED) {
    value = functions_.C_OpenSession(token_.slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session);
  }
  RETURN_IF_ERROR(FromCkr(value, "opening a session with the token"));
  return session;
}

absl::Status Sessions::LogIn(const Pin& pin) {
  const CK_FLAGS flags = token_.info.flags;
  if (!NeedsLogin()) return absl::OkStatus();
  CK_RV value = CKR_OK;
  if ((flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0) {
    value = functions_.C_Login(free_.front(), CKU_USER, nullptr, 0);
  } else if (pin.octets.empty()) {
    return Refused("missing", "the token wants a PIN, and there is none");
  } else {
    RETURN_IF_ERROR(MayTry(flags, pin.knowledge));
    pin.before_try();
    value =
        functions_.C_Login(free_.front(), CKU_USER, const_cast<CK_UTF8CHAR_PTR>(pin.octets.data()), pin.octets.size());
  }
  if (value == CKR_USER_ALREADY_LOGGED_IN) return absl::OkStatus();
  return FromCkr(value, "logging in to the token");
}

CK_SESSION_HANDLE Sessions::Borrow() {
  std::unique_lock lock(mutex_);
  returned_.wait(lock, [this] { return !free_.empty(); });
  const CK_SESSION_HANDLE session = free_.back();
  free_.pop_back();
  return session;
}

void Sessions::Return(CK_SESSION_HANDLE session) {
  {
    const std::lock_guard lock(mutex_);
    free_.push_back(session);
  }
  returned_.notify_one();
}

absl::Status Sessions::Renew(CK_SESSION_HANDLE& session) {
  functions_.C_CloseSession(session);
  ASSIGN_OR_RETURN(session, OpenOne());
  return Check(session);
}

absl::Status Sessions::Check(CK_SESSION_HANDLE session) const {
  CK_TOKEN_INFO now = {};
  if (functions_.C_GetTokenInfo(token_.slot, &now) != CKR_OK) return Lost("the PKCS#11 token was removed");
  if (!std::equal(std::begin(now.serialNumber), std::end(now.serialNumber), std::begin(token_.info.serialNumber)) ||
      !std::equal(std::begin(now.label), std::end(now.label), std::begin(token_.info.label))) {
    return Lost("another PKCS#11 token is in the place of the one that was open");
  }
  CK_SESSION_INFO info = {};
  if (functions_.C_GetSessionInfo(session, &info) != CKR_OK) return Lost("the sessions with the PKCS#11 token ended");
  const bool logged_in = info.state == CKS_RW_USER_FUNCTIONS || info.state == CKS_RO_USER_FUNCTIONS;
  if (NeedsLogin() && !logged_in) return Lost("the PKCS#11 token forgot that its user is logged in");
  return absl::OkStatus();
}

}  // namespace ddskey::pkcs11
