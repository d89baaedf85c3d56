#ifndef DAEMON_BACKEND_PKCS11_ANSWER_H_
#define DAEMON_BACKEND_PKCS11_ANSWER_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/pkcs11/helper_call.pb.h"
#include "daemon/backend/pkcs11/token.h"

namespace ddskey::pkcs11 {

// Everything here comes from a process that runs foreign code, and is treated as an attacker's: bounds on each size,
// texts without control characters, public keys parsed anew and of an algorithm that we have.

// Answer is one message of the helper, of which nothing but the size was looked at.
using Answer = wire::HelperAnswer;

// ParseAnswer reads a frame's message. DATA_LOSS if it is none.
absl::StatusOr<Answer> ParseAnswer(std::string_view message);

// StatusOf is what the helper says became of a call, with kPinRefused as a payload where it says so of an Open.
absl::Status StatusOf(const Answer& answer);

// What an answer that is OK holds; DATA_LOSS if it does not hold that.
absl::StatusOr<TokenState> TokenStateOf(const Answer& answer);
absl::StatusOr<TokenKey> TokenKeyOf(const Answer& answer, const CryptoLibrary& library);
absl::StatusOr<Signature> SignatureOf(const Answer& answer);

// Printable is `text` with anything but printable ASCII replaced by '?', and at most `size` octets of it.
std::string Printable(std::string_view text, size_t size);

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_ANSWER_H_
