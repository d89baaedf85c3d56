#include "test/fakes/fake_token.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/cord.h"
#include "proto/contract/secret_access.h"

namespace ddskey::test {

using pkcs11::TokenKey;
using pkcs11::TokenState;

namespace {

absl::Status PinRefused(const char* why) {
  absl::Status status = absl::FailedPreconditionError("the token refuses the PIN");
  status.SetPayload(pkcs11::kPinRefused, absl::Cord(why));
  return status;
}

}  // namespace

FakeToken::FakeToken(std::shared_ptr<FakeHsm> hsm) : hsm_(std::move(hsm)), thread_([this] { Run(); }) {}

FakeToken::~FakeToken() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  thread_.join();
  for (const Waiting& waiting : calls_) waiting.call(absl::CancelledError("the token is gone"))();
}

void FakeToken::Submit(Call call, bool is_open) {
  {
    const std::lock_guard lock(mutex_);
    calls_.push_back({std::move(call), is_open});
    const std::lock_guard device(hsm_->mutex);
    if (!is_open) ++hsm_->under_way;
    hsm_->most_under_way = std::max(hsm_->most_under_way, hsm_->under_way);
  }
  changed_.notify_all();
}

void FakeToken::Run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    bool holds = false;
    {
      const std::lock_guard device(hsm_->mutex);
      holds = hsm_->holds;
    }
    if (calls_.empty() || holds) {
      changed_.wait_for(lock, std::chrono::milliseconds(5));
      continue;
    }
    const Waiting waiting = std::move(calls_.front());
    calls_.pop_front();
    std::function<void()> finish;
    {
      const std::lock_guard device(hsm_->mutex);
      absl::Status status = hsm_->away;
      if (!waiting.is_open) {
        --hsm_->under_way;
        if (status.ok() && !open_) status = absl::UnavailableError("the token was not opened");
        if (status.ok()) status = std::exchange(hsm_->next_call, absl::OkStatus());
        if (status.ok() && hsm_->losses > 0) {
          --hsm_->losses;
          status = absl::UnavailableError("the module crashed");
        }
      }
      if (absl::IsUnavailable(status) || absl::IsNotFound(hsm_->away)) open_ = false;
      finish = waiting.call(status);
    }
    lock.unlock();
    finish();
    lock.lock();
  }
}

void FakeToken::Open(std::shared_ptr<const SecretBytes> pin, Time, Done<TokenState> done) {
  Submit(
      [this, pin = std::move(pin), done = std::move(done)](const absl::Status& status) -> std::function<void()> {
        ++hsm_->opens;
        if (!status.ok()) return [done, status] { done(status); };
        if (!open_ && !hsm_->pin.empty()) {
          if (pin == nullptr) return [done] { done(PinRefused("missing")); };
          if (hsm_->has_one_try) return [done] { done(PinRefused("untried")); };
          const auto octets = pin->Reveal(SecretAccess());
          hsm_->tried.emplace_back(octets.begin(), octets.end());
          if (hsm_->tried.back() != hsm_->pin) return [done] { done(PinRefused("wrong")); };
        }
        open_ = true;
        return [done, state = hsm_->state] { done(state); };
      },
      /*is_open=*/true);
}

void FakeToken::Create(KeyAlgorithm algorithm, std::string id, std::string label, Time, Done<TokenKey> done) {
  Submit(
      [this, algorithm, id, label, done = std::move(done)](const absl::Status& status) -> std::function<void()> {
        if (!status.ok()) return [done, status] { done(status); };
        EvpKey key = *hsm_->library->Generate(algorithm);
        TokenKey told{id, label, algorithm, *hsm_->library->PublicKeyInfo(*key), true, !hsm_->makes_readable};
        hsm_->keys[id] = {std::move(key), told};
        return [done, told] { done(told); };
      },
      /*is_open=*/false);
}

void FakeToken::Find(std::string label, Time, Done<TokenKey> done) {
  Submit(
      [this, label = std::move(label), done = std::move(done)](const absl::Status& status) -> std::function<void()> {
        if (!status.ok()) return [done, status] { done(status); };
        for (const auto& [id, key] : hsm_->keys) {
          if (key.told.label == label) return [done, told = key.told] { done(told); };
        }
        return [done] { done(absl::NotFoundError("the token has no key of that label")); };
      },
      /*is_open=*/false);
}

void FakeToken::Sign(std::string id, SignatureScheme scheme, std::string digest, Time, Done<Signature> done) {
  Submit(
      [this, id = std::move(id), scheme, digest = std::move(digest),
       done = std::move(done)](const absl::Status& status) -> std::function<void()> {
        if (!status.ok()) return [done, status] { done(status); };
        ++hsm_->signs;
        const auto key = hsm_->keys.find(id);
        if (key == hsm_->keys.end()) return [done] { done(absl::NotFoundError("the token has no such key")); };
        absl::StatusOr<Signature> signature = hsm_->library->Sign(*key->second.key, scheme, digest);
        if (hsm_->wrong > 0) {
          --hsm_->wrong;
          signature->octets.back() ^= 1;
        }
        return [done, signature] { done(signature); };
      },
      /*is_open=*/false);
}

void FakeToken::Destroy(std::string id, Time, std::function<void(const absl::Status&)> done) {
  Submit(
      [this, id = std::move(id), done = std::move(done)](const absl::Status& status) -> std::function<void()> {
        if (status.ok()) hsm_->keys.erase(id);
        return [done, status] { done(status); };
      },
      /*is_open=*/false);
}

}  // namespace ddskey::test
