// What becomes of the works that a token is handed.
#include <openssl/rand.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/backend/pkcs11/token_owner.h"
#include "proto/contract/status_macros.h"

namespace ddskey::pkcs11 {
namespace {

constexpr size_t kIdSize = 16;
constexpr size_t kLongestId = 64;
constexpr int kMostLosses = 5;
// What a key is made to sign that is adopted: no octets that a handshake signs begin so.
constexpr char kPossession[] = "ddskeyd: possession of a key that is adopted\n";

DeviceQueue::Time Now() { return std::chrono::steady_clock::now(); }

// LabelPrefix is how the labels of keys begin that a ddskeyd made for `purpose`.
std::string LabelPrefix(KeyPurpose purpose) { return absl::StrCat("ddskey ", std::string(PurposeName(purpose)), " "); }

SignatureScheme AnyScheme(KeyAlgorithm algorithm) {
  return IsRsa(algorithm) ? SignatureScheme::kRsaPssSha256 : SignatureScheme::kEcdsaSha256;
}

SealedKey Seal(const std::string& token, KeyPurpose purpose, const TokenKey& key) {
  const TokenBlob blob{key.algorithm, purpose, key.id, token, DigestOf(key.public_key)};
  return {key.algorithm, purpose, FormatBlob(blob), key.public_key};
}

}  // namespace

void TokenOwner::Start(const TaskPtr& task) {
  const auto* const unlock = std::get_if<UnlockRequest>(&task->turn.request());
  Stand stand;
  {
    const std::lock_guard lock(mutex_);
    stand = stand_;
    if (stand == Stand::kOpen && unlock == nullptr) {
      ++under_way_;
      task->token = monitor_.identity();
      task->opening = opening_;
    } else if (stand != Stand::kLocked && stand != Stand::kOpen) {
      again_.push_front(task);
      return;
    }
  }
  if (unlock != nullptr) return Unlock(task, *unlock, stand == Stand::kLocked);
  if (stand == Stand::kLocked) return task->turn.Fail(absl::FailedPreconditionError(monitor_.problem()));
  if (const auto* sign = std::get_if<SignRequest>(&task->turn.request())) return Sign(task, *sign);
  if (const auto* create = std::get_if<CreateRequest>(&task->turn.request())) return Create(task, *create);
  if (const auto* import = std::get_if<ImportRequest>(&task->turn.request())) return Adopt(task, *import);
  Returned();
  task->turn.Fail(absl::UnimplementedError("a PKCS#11 token cannot do this"));
}

void TokenOwner::Unlock(const TaskPtr& task, const UnlockRequest& request, bool is_locked) {
  absl::Status refusal;
  if (!is_locked) {
    refusal = absl::FailedPreconditionError("this backend does not wait for a PIN: it has one that the token accepted");
  } else {
    const std::lock_guard lock(mutex_);
    if (pins_.WasRefused(*request.value)) {
      refusal = absl::FailedPreconditionError(
          "the token has refused this PIN before; it was not tried again. If it is right since, restart the daemon");
    } else {
      unlocking_ = task;
      stand_ = Stand::kClosed;
      next_open_ = Now();
    }
  }
  if (!refusal.ok()) task->turn.FinishUnlock(refusal);
}

// Prepare finds out what is needed to sign with `key`. DATA_LOSS if it is not of the token, or damaged.
absl::Status TokenOwner::Prepare(Task& task, const SealedKey& key) {
  ASSIGN_OR_RETURN(const TokenBlob blob, ParseBlob(key.blob));
  if (blob.token != task.token) return absl::DataLossError("the key is in another token than the one that is there");
  if (blob.algorithm != key.algorithm || blob.purpose != key.purpose) {
    return absl::DataLossError("the key was made for something else than it is stored for");
  }
  task.id = blob.id;
  task.public_key = public_keys_.Find(key);
  if (task.public_key != nullptr) return absl::OkStatus();
  auto parsed = library_->ParsePublicKeyInfo(key.algorithm, key.public_key);
  if (blob.public_key != DigestOf(key.public_key) || !parsed.ok()) {
    return absl::DataLossError("the stored public key is not the one of the key in the token");
  }
  task.public_key = *std::move(parsed);
  public_keys_.Put(key, *task.public_key);
  return absl::OkStatus();
}

void TokenOwner::Sign(const TaskPtr& task, const SignRequest& request) {
  if (const absl::Status ready = Prepare(*task, request.key); !ready.ok()) {
    Returned();
    return task->turn.Fail(ready);
  }
  token_->Sign(task->id, request.scheme, request.digest, task->turn.deadline(),
               [this, task](absl::StatusOr<Signature> signature) { Signed(task, std::move(signature)); });
}

void TokenOwner::Signed(const TaskPtr& task, absl::StatusOr<Signature> signature) {
  Returned();
  if (signature.ok()) {
    task->signature = *std::move(signature);
    {
      const std::lock_guard lock(checks_mutex_);
      checks_.push_back(task);
    }
    to_check_.notify_one();
  } else if (absl::IsNotFound(signature.status())) {
    const std::string problem = "the token has no such key any more";
    has_key_problems_ = true;
    monitor_.SetKeyProblem(std::get<SignRequest>(task->turn.request()).key.public_key, problem);
    task->turn.Fail(absl::DataLossError(problem));
  } else if (absl::IsDataLoss(signature.status())) {
    Wrong(task);
  } else {
    Fail(task, signature.status());
  }
}

void TokenOwner::CheckOne(const TaskPtr& task) {
  const auto& request = std::get<SignRequest>(task->turn.request());
  if (!library_->Verify(*task->public_key, request.scheme, request.digest, task->signature).ok()) return Wrong(task);
  ++signatures_;
  if (has_lied_.exchange(false)) monitor_.SetLie("");
  if (has_key_problems_) monitor_.SetKeyProblem(request.key.public_key, "");
  task->turn.Finish(std::move(task->signature));
}

// Wrong has a signature made once more that is none of its key.
void TokenOwner::Wrong(const TaskPtr& task) {
  if (!std::exchange(task->was_wrong, true)) return Repeat(task);
  const absl::Status wrong = absl::InternalError(
      "the token makes wrong signatures, or its keys were exchanged; do not use it before it was examined");
  has_lied_ = true;
  monitor_.SetLie(std::string(wrong.message()));
  task->turn.Fail(wrong);
}

// Fail decides what becomes of a work that the token did not do.
void TokenOwner::Fail(const TaskPtr& task, const absl::Status& status) {
  const bool is_away = absl::IsUnavailable(status);
  // At its own deadline it is over, and nothing is wrong with the token.
  const bool is_silent = absl::IsDeadlineExceeded(status) && Now() < task->turn.deadline();
  const bool lost_pin = status.GetPayload(kPinRefused).has_value();
  if (!is_away && !is_silent && !lost_pin) return task->turn.Fail(status);
  {
    const std::lock_guard lock(mutex_);
    if (lost_pin) {
      if (opening_ == task->opening && stand_ == Stand::kOpen) LosePin(pins_.pin(), status);
    } else {
      Lose(task->opening, status);
    }
  }
  const bool give_up = (is_silent && std::exchange(task->was_silent, true)) || ++task->times_lost >= kMostLosses;
  if (!give_up) return Repeat(task);
  Wake();
  task->turn.Fail(absl::UnavailableError(status.message()));
}

void TokenOwner::Create(const TaskPtr& task, const CreateRequest& request) {
  const std::vector<KeyAlgorithm> known = monitor_.algorithms();
  std::string id(kIdSize, '\0');
  absl::Status refusal;
  if (std::find(known.begin(), known.end(), request.algorithm) == known.end()) {
    refusal = absl::UnimplementedError("this token makes no keys of this algorithm");
  } else if (RAND_bytes_ex(library_->context(), reinterpret_cast<unsigned char*>(id.data()), id.size(), 0) != 1) {
    refusal = absl::InternalError("no random octets for the id of a key");
  }
  if (!refusal.ok()) {
    Returned();
    return task->turn.Fail(refusal);
  }
  // Another one at each attempt: what became of the last is not known.
  task->id = id;
  std::string label = LabelPrefix(request.purpose) + absl::BytesToHexString(id);
  token_->Create(request.algorithm, std::move(id), std::move(label), task->turn.deadline(),
                 [this, task](const absl::StatusOr<TokenKey>& key) { Created(task, key); });
}

void TokenOwner::Created(const TaskPtr& task, const absl::StatusOr<TokenKey>& key) {
  Returned();
  if (!key.ok()) return Fail(task, key.status());
  const auto& request = std::get<CreateRequest>(task->turn.request());
  absl::Status sound = Sound(*key);
  if (sound.ok() && (key->id != task->id || key->algorithm != request.algorithm)) {
    sound = absl::InternalError("the token made another key than it was asked for");
  } else if (sound.ok() && (!key->was_made_inside || !key->is_unreadable)) {
    sound = absl::InternalError("the token made a key that can be read from it, which was removed again");
  }
  // Nobody waits for it any more, or nobody should have it.
  if (!sound.ok() || task->turn.done()) {
    token_->Destroy(task->id, Now() + open_timeout_, [](const absl::Status&) {});
  }
  if (!sound.ok()) return task->turn.Fail(sound);
  task->turn.Finish(absl::StatusOr<SealedKey>(Seal(task->token, request.purpose, *key)));
}

// Sound is whether what the token said of a key can be stored.
absl::Status TokenOwner::Sound(const TokenKey& key) const {
  if (key.id.empty() || key.id.size() > kLongestId ||
      !library_->ParsePublicKeyInfo(key.algorithm, key.public_key).ok()) {
    return absl::InternalError("what the token says of the key is that of no key");
  }
  return absl::OkStatus();
}

void TokenOwner::Adopt(const TaskPtr& task, const ImportRequest& request) {
  token_->Find(request.key.token_label, task->turn.deadline(),
               [this, task](const absl::StatusOr<TokenKey>& key) { Found(task, key); });
}

// Found has a key that is to be adopted prove itself.
void TokenOwner::Found(const TaskPtr& task, const absl::StatusOr<TokenKey>& key) {
  const auto& request = std::get<ImportRequest>(task->turn.request());
  absl::Status refusal = key.status();
  if (refusal.ok()) refusal = Sound(*key);
  for (const KeyPurpose other : {KeyPurpose::kHandshake, KeyPurpose::kDigest}) {
    if (refusal.ok() && other != request.purpose && key->label.starts_with(LabelPrefix(other))) {
      refusal = absl::InvalidArgumentError(absl::StrCat("a ddskeyd made this key for the purpose ",
                                                        std::string(PurposeName(other)), ", which it keeps"));
    }
  }
  if (!refusal.ok()) {
    Returned();
    return Fail(task, refusal);
  }
  std::string nonce(kIdSize, '\0');
  RAND_bytes_ex(library_->context(), reinterpret_cast<unsigned char*>(nonce.data()), nonce.size(), 0);
  const std::string digest = DigestOf(kPossession + nonce);
  token_->Sign(key->id, AnyScheme(key->algorithm), digest, task->turn.deadline(),
               [this, task, digest, found = *key](const absl::StatusOr<Signature>& signature) {
                 Proven(task, found, digest, signature);
               });
}

void TokenOwner::Proven(const TaskPtr& task, const TokenKey& key, const std::string& digest,
                        const absl::StatusOr<Signature>& signature) {
  Returned();
  if (!signature.ok()) return Fail(task, signature.status());
  const auto public_key = library_->ParsePublicKeyInfo(key.algorithm, key.public_key);
  if (!library_->Verify(**public_key, AnyScheme(key.algorithm), digest, *signature).ok()) {
    return task->turn.Fail(
        absl::InvalidArgumentError("the private key of that label is not the one of the public key beside it"));
  }
  SealedKey sealed = Seal(task->token, std::get<ImportRequest>(task->turn.request()).purpose, key);
  if (!key.is_unreadable) {
    sealed.warning =
        "The token does not keep this key from being read, or has not always done so (CKA_ALWAYS_SENSITIVE, "
        "CKA_NEVER_EXTRACTABLE): there may be copies of it. Better make a new key.";
  }
  task->turn.Finish(absl::StatusOr<SealedKey>(std::move(sealed)));
}

}  // namespace ddskey::pkcs11
