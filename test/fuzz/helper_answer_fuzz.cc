// What the process of a PKCS#11 module says to the daemon (daemon/backend/pkcs11/answer.h, frame.h).
// An input begins with a line that says how its octets come: "stream" for frames, cut anywhere; "message" for what is
// in one. Then the octets, with escapes; or, for "message", lines FIELD=VALUE that are put together to an answer.

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/backend/crypto_library.h"
#include "daemon/backend/pkcs11/answer.h"
#include "daemon/backend/pkcs11/frame.h"
#include "daemon/backend/pkcs11/helper_options.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

using pkcs11::Answer;

const CryptoLibrary& Library() {
  static const std::unique_ptr<CryptoLibrary> library = *CryptoLibrary::Create();
  return *library;
}

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// The planted bug: the id of a key is not looked at.
absl::StatusOr<pkcs11::TokenKey> KeyOf(Answer answer) {
  const std::string id = answer.key().id();
  if (planted_bug && answer.has_key()) answer.mutable_key()->set_id("id");
  auto key = pkcs11::TokenKeyOf(answer, Library());
  if (planted_bug && key.ok()) key->id = id;
  return key;
}

void CheckAnswer(const Answer& answer) {
  const absl::Status status = pkcs11::StatusOf(answer);
  Require(status.message().size() <= 400 && IsPrintable({status.message().data(), status.message().size()}),
          "what goes wrong is said in a short text");
  Require(status.code() != absl::StatusCode::kPermissionDenied, "a module decides about no permissions");
  Require(!status.GetPayload(pkcs11::kPinRefused).has_value() || absl::IsFailedPrecondition(status),
          "a refused PIN is a failed precondition");
  if (const auto state = pkcs11::TokenStateOf(answer); state.ok()) {
    Require(state->sessions >= 1 && state->sessions <= pkcs11::kMaxSessions, "a token has some sessions");
    Require(state->algorithms.size() <= kAllAlgorithms.size(), "each algorithm is there once");
    Require(state->label.size() <= 64 && IsPrintable(state->label), "a label can be shown");
    Require(state->warning.size() <= 400 && IsPrintable(state->warning), "a warning can be shown");
  }
  if (const auto key = KeyOf(answer); key.ok()) {
    Require(!key->id.empty() && key->id.size() <= 64, "a key has an id that fits");
    Require(key->label.size() <= 64, "a key has a label that fits");
    const auto parsed = Library().ParsePublicKeyInfo(key->algorithm, key->public_key);
    Require(parsed.ok() && *Library().PublicKeyInfo(**parsed) == key->public_key, "a public key has one form");
  }
  if (const auto signature = pkcs11::SignatureOf(answer); signature.ok()) {
    Require(!signature->octets.empty() && signature->octets.size() <= 384, "a signature has a size that fits");
  }
}

void CheckStream(const std::string& octets) {
  auto reader = *pkcs11::FrameReader::Create();
  std::string_view left = octets;
  size_t frames = 0;
  while (true) {
    const auto frame = reader.Next();
    if (!frame.ok()) return;
    if (frame->has_value()) {
      ++frames;
      Require(!(*frame)->message.empty() && (*frame)->message.size() <= pkcs11::kMaxMessage,
              "a message has its bounds");
      Require((*frame)->secret.size() <= pkcs11::kMaxSecret, "a secret has its bounds");
      if (const auto answer = pkcs11::ParseAnswer((*frame)->message); answer.ok()) CheckAnswer(*answer);
      continue;
    }
    if (left.empty()) break;
    const size_t taken = reader.Take(left.substr(0, 1 + left.size() % 700));
    Require(taken > 0, "there is room for whatever is not a whole frame");
    left.remove_prefix(taken);
  }
  Require(frames * 9 <= octets.size(), "a frame has at least nine octets");
}

void SetField(std::string_view name, const std::string& value, Answer& answer) {
  if (name == "id") answer.set_id(Number(value));
  if (name == "code") answer.set_code(static_cast<int32_t>(Number(value)));
  if (name == "message") answer.set_message(value);
  if (name == "refused") answer.set_pin_refused(value);
  if (name == "label") answer.mutable_token()->set_label(value);
  if (name == "warning") answer.mutable_token()->set_warning(value);
  if (name == "sessions") answer.mutable_token()->set_sessions(Number(value));
  if (name == "makes") answer.mutable_token()->add_algorithms(Number(value));
  if (name == "key") answer.mutable_key()->set_id(value);
  if (name == "key-label") answer.mutable_key()->set_label(value);
  if (name == "algorithm") answer.mutable_key()->set_algorithm(Number(value));
  if (name == "public-key") answer.mutable_key()->set_public_key(value);
  if (name == "signature") answer.set_signature(value);
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  const std::string_view text = AsText(data, size);
  constexpr std::string_view kStream = "stream\n";
  if (text.starts_with(kStream)) {
    CheckStream(Unescape(text.substr(kStream.size())));
    return 0;
  }
  pkcs11::Answer answer;
  for (const std::string_view line : Lines(text)) {
    const auto [name, value] = Field(line);
    SetField(name, value, answer);
  }
  CheckAnswer(answer);
  return 0;
}
