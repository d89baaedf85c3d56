#ifndef DAEMON_BACKEND_PKCS11_HELPER_TOKEN_FIXTURE_H_
#define DAEMON_BACKEND_PKCS11_HELPER_TOKEN_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/pkcs11/helper_token.h"
#include "proto/contract/secret_access.h"
#include "test/support/softhsm.h"
#include "test/support/status_matchers.h"

namespace ddskey::pkcs11 {

inline constexpr char kPin[] = "1234";

// MakePin is a PIN to open tokens with.
inline std::shared_ptr<const SecretBytes> MakePin(const std::string& digits) {
  auto pin = SecretBytes::Allocate(digits.size());
  std::copy(digits.begin(), digits.end(), pin->Reveal(SecretAccess()).begin());
  return std::make_shared<SecretBytes>(*std::move(pin));
}

// HelperPath is the helper in a test's runfiles.
inline std::string HelperPath() {
  return std::filesystem::absolute("daemon/backend/pkcs11/helper/ddskeyd-pkcs11").string();
}

// Patient is a token whose calls are waited for.
class Patient {
 public:
  explicit Patient(const HelperOptions& options) {
    auto token = HelperToken::Create(options);
    if (token.ok()) {
      token_ = *std::move(token);
    } else {
      ADD_FAILURE() << token.status();
    }
  }

  // Within is the time that the calls to come have.
  void Within(std::chrono::milliseconds time) { time_ = time; }

  absl::StatusOr<TokenState> Open(const std::string& pin = kPin) {
    return Wait<absl::StatusOr<TokenState>>(
        [&](auto done) { token_->Open(pin.empty() ? nullptr : MakePin(pin), Deadline(), done); });
  }
  absl::StatusOr<TokenKey> Create(KeyAlgorithm algorithm, const std::string& id, const std::string& label) {
    return Wait<absl::StatusOr<TokenKey>>([&](auto done) { token_->Create(algorithm, id, label, Deadline(), done); });
  }
  absl::StatusOr<TokenKey> Find(const std::string& label) {
    return Wait<absl::StatusOr<TokenKey>>([&](auto done) { token_->Find(label, Deadline(), done); });
  }
  absl::StatusOr<Signature> Sign(const std::string& id, SignatureScheme scheme, const std::string& digest) {
    return Wait<absl::StatusOr<Signature>>([&](auto done) { token_->Sign(id, scheme, digest, Deadline(), done); });
  }
  absl::Status Destroy(const std::string& id) {
    return Wait<absl::Status>([&](auto done) { token_->Destroy(id, Deadline(), done); });
  }

  HelperToken& operator*() { return *token_; }
  HelperToken* operator->() { return token_.get(); }
  // Close destroys the token.
  void Close() { token_ = nullptr; }
  Token::Time Deadline() const { return std::chrono::steady_clock::now() + time_; }

 private:
  template <typename Result>
  Result Wait(const std::function<void(std::function<void(Result)>)>& call) {
    const auto answer = std::make_shared<std::promise<Result>>();
    call([answer](Result result) { answer->set_value(std::move(result)); });
    return answer->get_future().get();
  }

  std::unique_ptr<HelperToken> token_;
  std::chrono::milliseconds time_ = std::chrono::seconds(20);
};

// SoftHsmOptions are for SoftHSM2 with those tokens.
inline HelperOptions SoftHsmOptions(const test::SoftHsm& hsm) {
  HelperOptions options;
  options.module = test::kSoftHsmModule;
  options.environment = {hsm.environment()};
  options.helper = HelperPath();
  // Where the test is root, and where it is not.
  options.user = "nobody";
  options.same_user = true;
  return options;
}

// Verifies is whether `signature` is `key`'s.
inline bool Verifies(const TokenKey& key, SignatureScheme scheme, const std::string& digest,
                     const Signature& signature) {
  const auto library = CryptoLibrary::Create();
  const auto parsed = (*library)->ParsePublicKeyInfo(key.algorithm, key.public_key);
  return parsed.ok() && (*library)->Verify(**parsed, scheme, digest, signature).ok();
}

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_TOKEN_FIXTURE_H_
