#ifndef DAEMON_BACKEND_PKCS11_PIN_HISTORY_H_
#define DAEMON_BACKEND_PKCS11_PIN_HISTORY_H_

#include <memory>

#include "daemon/backend/pkcs11/helper_call.pb.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::pkcs11 {

// PinHistory keeps what is known of PINs: which one the token accepted last, and of which one nobody heard what the
// token thought, since the module crashed or hung. Such a doubtful PIN may have been counted as a wrong one, and is
// tried twice, then once each time that somebody gives it anew. One that was accepted is not doubted. For one thread.
class PinHistory {
 public:
  using Pin = std::shared_ptr<const SecretBytes>;

  // IsSame is whether both are the same PIN; no PIN is the same as none.
  static bool IsSame(const Pin& a, const Pin& b) {
    return a != nullptr && b != nullptr && ConstantTimeEquals(a->Reveal(SecretAccess()), b->Reveal(SecretAccess()));
  }

  // Of is what the helper must know of `pin`.
  wire::PinHistory Of(const Pin& pin) const {
    if (IsSame(pin, accepted_)) return wire::PIN_HISTORY_ACCEPTED;
    return IsSame(pin, doubtful_) ? wire::PIN_HISTORY_IN_DOUBT : wire::PIN_HISTORY_UNSPECIFIED;
  }

  // MayTry is whether `pin` is not too doubtful. AllowOneMore lets the doubtful one be tried once more: call it when
  // those were told that wanted to use it.
  bool MayTry(const Pin& pin) const {
    return doubts_ < kMostDoubts || !IsSame(pin, doubtful_) || IsSame(pin, accepted_);
  }
  void AllowOneMore() { doubts_ = kMostDoubts - 1; }

  // Accept, Refuse and Doubt note what became of `pin`, which may be null in the first two.
  void Accept(const Pin& pin) {
    if (pin != nullptr) accepted_ = pin;
    Clear(pin);
  }
  void Refuse(const Pin& pin) {
    if (IsSame(pin, accepted_)) accepted_ = nullptr;
    Clear(pin);
  }
  void Doubt(const Pin& pin) {
    doubts_ = IsSame(pin, doubtful_) ? doubts_ + 1 : 1;
    doubtful_ = pin;
  }

 private:
  static constexpr int kMostDoubts = 2;

  void Clear(const Pin& pin) {
    if (!IsSame(pin, doubtful_)) return;
    doubtful_ = nullptr;
    doubts_ = 0;
  }

  Pin accepted_;
  Pin doubtful_;
  int doubts_ = 0;
};

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_PIN_HISTORY_H_
