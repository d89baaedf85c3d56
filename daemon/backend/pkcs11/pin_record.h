#ifndef DAEMON_BACKEND_PKCS11_PIN_RECORD_H_
#define DAEMON_BACKEND_PKCS11_PIN_RECORD_H_

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

#include "proto/contract/secret_access.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::pkcs11 {

// PinRecord keeps the PIN of a token, and those that it refused, so that no wrong one is ever tried twice, whatever
// happens in between, while the daemon runs: they are few, and stay in locked memory as PINs that somebody meant for
// something. For one thread.
class PinRecord {
 public:
  using Pin = std::shared_ptr<const SecretBytes>;

  // `pin` is null if none was given.
  explicit PinRecord(Pin pin) : pin_(std::move(pin)) {}

  // pin is what to open the token with; null for nothing.
  const Pin& pin() const { return pin_; }

  // WasRefused is whether the token refused this PIN before.
  bool WasRefused(const SecretBytes& pin) const {
    return std::any_of(refused_.begin(), refused_.end(), [&](const Pin& refused) {
      return ConstantTimeEquals(refused->Reveal(SecretAccess()), pin.Reveal(SecretAccess()));
    });
  }

  // Accept notes that the token was opened with `pin`, Refuse that it said no to it. Drop forgets the one there is.
  void Accept(Pin pin) { pin_ = std::move(pin); }
  void Drop() { pin_ = nullptr; }
  void Refuse(const Pin& pin) {
    if (pin == nullptr || WasRefused(*pin)) return;
    refused_.push_back(pin);
    if (refused_.size() > kMost) refused_.pop_front();
  }

 private:
  // More than a token takes before it locks itself.
  static constexpr size_t kMost = 64;

  Pin pin_;
  std::deque<Pin> refused_;
};

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_PIN_RECORD_H_
