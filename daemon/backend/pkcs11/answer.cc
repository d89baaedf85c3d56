#include "daemon/backend/pkcs11/answer.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "daemon/backend/pkcs11/frame.h"
#include "daemon/backend/pkcs11/helper_options.h"
#include "proto/contract/status_macros.h"

namespace ddskey::pkcs11 {
namespace {

constexpr size_t kMaxText = 64;
constexpr size_t kMaxSentence = 400;
constexpr size_t kMaxId = 64;
// An RSA-3072 signature is the largest, its public key below 512 octets.
constexpr size_t kMaxSignature = 384;
constexpr size_t kMaxPublicKey = 512;

absl::Status NoAnswer(const char* what) {
  return absl::DataLossError(absl::StrCat("the PKCS#11 module's process answered with ", what));
}

struct ContextDeleter {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};

// A point that is not on its curve, or a modulus that is even, is no key: signatures checked with it mean nothing.
bool IsSound(EVP_PKEY& key, const CryptoLibrary& library) {
  const std::unique_ptr<EVP_PKEY_CTX, ContextDeleter> context(
      EVP_PKEY_CTX_new_from_pkey(library.context(), &key, nullptr));
  return context != nullptr && EVP_PKEY_public_check(context.get()) == 1;
}

absl::StatusOr<std::string> CheckedPublicKey(const std::string& der, KeyAlgorithm algorithm,
                                             const CryptoLibrary& library) {
  if (der.size() > kMaxPublicKey) return NoAnswer("a public key that is too large");
  const auto key = library.ParsePublicKeyInfo(algorithm, der);
  if (!key.ok() || !IsSound(**key, library)) return NoAnswer("what is no public key of its algorithm");
  if (!IsRsa(algorithm)) {
    EVP_PKEY_set_utf8_string_param(key->get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed");
  }
  // Written anew: one form for one key.
  return library.PublicKeyInfo(**key);
}

bool IsPossible(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string Printable(std::string_view text, size_t size) {
  std::string printable(text.substr(0, size));
  std::replace_if(
      printable.begin(), printable.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return printable;
}

absl::StatusOr<Answer> ParseAnswer(std::string_view message) {
  Answer answer;
  if (message.size() > kMaxMessage || !answer.ParseFromArray(message.data(), static_cast<int>(message.size())) ||
      answer.id() == 0) {
    return NoAnswer("what is no answer");
  }
  return answer;
}

absl::Status StatusOf(const Answer& answer) {
  if (answer.code() == 0) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(answer.code());
  if (!IsPossible(code)) return NoAnswer("an error that there is not");
  absl::Status status(code, Printable(answer.message(), kMaxSentence));
  const std::string& refused = answer.pin_refused();
  if (code == absl::StatusCode::kFailedPrecondition &&
      (refused == "wrong" || refused == "locked" || refused == "missing" || refused == "untried")) {
    status.SetPayload(kPinRefused, absl::Cord(refused));
  }
  return status;
}

absl::StatusOr<TokenState> TokenStateOf(const Answer& answer) {
  if (!answer.has_token()) return NoAnswer("nothing about its token");
  const wire::TokenAnswer& token = answer.token();
  if (token.sessions() < 1 || token.sessions() > kMaxSessions || token.algorithms_size() > 16) {
    return NoAnswer("numbers that no token has");
  }
  TokenState state;
  state.label = Printable(token.label(), kMaxText);
  state.manufacturer = Printable(token.manufacturer(), kMaxText);
  state.model = Printable(token.model(), kMaxText);
  state.serial = Printable(token.serial(), kMaxText);
  state.firmware = Printable(token.firmware(), kMaxText);
  state.warning = Printable(token.warning(), kMaxSentence);
  state.sessions = token.sessions();
  for (const KeyAlgorithm algorithm : kAllAlgorithms) {
    const auto& told = token.algorithms();
    if (std::find(told.begin(), told.end(), static_cast<uint32_t>(algorithm)) != told.end()) {
      state.algorithms.push_back(algorithm);
    }
  }
  return state;
}

absl::StatusOr<TokenKey> TokenKeyOf(const Answer& answer, const CryptoLibrary& library) {
  if (!answer.has_key()) return NoAnswer("no key");
  const wire::KeyAnswer& told = answer.key();
  const auto algorithm = std::find_if(kAllAlgorithms.begin(), kAllAlgorithms.end(), [&](KeyAlgorithm known) {
    return static_cast<uint32_t>(known) == told.algorithm();
  });
  if (algorithm == kAllAlgorithms.end()) return NoAnswer("a key of an unknown algorithm");
  if (told.id().empty() || told.id().size() > kMaxId || told.label().size() > kMaxText) {
    return NoAnswer("a key with a name of no size that there is");
  }
  TokenKey key;
  key.id = told.id();
  key.label = told.label();
  key.algorithm = *algorithm;
  ASSIGN_OR_RETURN(key.public_key, CheckedPublicKey(told.public_key(), *algorithm, library));
  key.was_made_inside = told.was_made_inside();
  key.is_unreadable = told.is_unreadable();
  return key;
}

absl::StatusOr<Signature> SignatureOf(const Answer& answer) {
  if (answer.signature().empty() || answer.signature().size() > kMaxSignature) {
    return NoAnswer("a signature of no size that there is");
  }
  return Signature{answer.signature()};
}

}  // namespace ddskey::pkcs11
