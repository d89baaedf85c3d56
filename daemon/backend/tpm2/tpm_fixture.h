#ifndef DAEMON_BACKEND_TPM2_TPM_FIXTURE_H_
#define DAEMON_BACKEND_TPM2_TPM_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/secret_source.h"
#include "daemon/backend/tpm2/tpm_backend.h"
#include "daemon/backend/tpm2/wiretap.h"
#include "proto/contract/pcr_binding.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/secret_bytes.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/swtpm.h"
#include "test/support/temp_dir.h"

namespace ddskey::tpm {

// TpmFixture is a TPM with a backend on it and a wiretap between them.
class TpmFixture : public ::testing::Test {
 protected:
  using SignFuture = std::future<absl::StatusOr<Signature>>;

  static constexpr char kStorageAttributes[] =
      "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt|noda";
  static constexpr auto kScheme = SignatureScheme::kEcdsaSha256;

  static WorkOptions In(std::chrono::nanoseconds time) {
    return {std::chrono::steady_clock::now() + time, WorkClass::kCompletion, ""};
  }
  static std::string Digest(int number) { return std::string(31, 'd') + static_cast<char>(number); }

  // Make makes the backend anew; the probe is off unless `probe` says how often.
  void Make(const std::string& secret_file = "", std::chrono::milliseconds probe = std::chrono::milliseconds(0)) {
    backend_.reset();
    TpmBackend::Options options;
    options.probe_interval = probe;
    if (!secret_file.empty()) {
      SecretSource source;
      source.file = secret_file;
      options.auth_secret = *LoadSecret(source);
    }
    if (adjust_) adjust_(options);
    backend_ = *TpmBackend::CreateOn(TappedOpener(tpm_.tcti(), tap_), std::move(options));
  }

  absl::StatusOr<SealedKey> Create(KeyAlgorithm algorithm = KeyAlgorithm::kEcP256,
                                   std::chrono::nanoseconds time = std::chrono::minutes(1)) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<SealedKey>>>();
    auto future = promise->get_future();
    backend_->SubmitCreate(algorithm, KeyPurpose::kHandshake, In(time),
                           [promise](absl::StatusOr<SealedKey> key) { promise->set_value(std::move(key)); });
    return future.get();
  }

  // CreateBound makes a key that is bound to registers.
  absl::StatusOr<SealedKey> CreateBound(PcrTerms terms, KeyAlgorithm algorithm = KeyAlgorithm::kEcP256) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<SealedKey>>>();
    auto future = promise->get_future();
    backend_->SubmitCreateBound(algorithm, KeyPurpose::kHandshake, std::move(terms), In(std::chrono::minutes(1)),
                                [promise](absl::StatusOr<SealedKey> key) { promise->set_value(std::move(key)); });
    return future.get();
  }

  absl::StatusOr<SealedKey> Approve(const SealedKey& key, PcrApproval approval) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<SealedKey>>>();
    auto future = promise->get_future();
    backend_->SubmitApprove(key, std::move(approval), In(std::chrono::minutes(1)),
                            [promise](absl::StatusOr<SealedKey> changed) { promise->set_value(std::move(changed)); });
    return future.get();
  }

  SignFuture Submit(const SealedKey& key, int number = 0, std::chrono::nanoseconds time = std::chrono::minutes(1)) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<Signature>>>();
    auto future = promise->get_future();
    backend_->SubmitSign(key, kScheme, Digest(number), In(time),
                         [promise](absl::StatusOr<Signature> signature) { promise->set_value(std::move(signature)); });
    return future;
  }

  absl::StatusOr<Signature> Sign(const SealedKey& key, int number = 0,
                                 std::chrono::nanoseconds time = std::chrono::minutes(1)) {
    auto signature = Submit(key, number, time).get();
    if (signature.ok()) {
      const auto public_key = *library_->ParsePublicKeyInfo(key.algorithm, key.public_key);
      EXPECT_OK(library_->Verify(*public_key, kScheme, Digest(number), *signature));
    }
    return signature;
  }

  // Tool runs a program of tpm2-tools on the TPM.
  int Tool(std::vector<std::string> command) const {
    command.insert(command.begin() + 1, {"-T", tpm_.tcti()});
    return test::Run(command);
  }

  // Secret is the octets of `text`.
  static SecretBytes Secret(const std::string& text) {
    SecretBytes secret = *SecretBytes::Allocate(text.size());
    std::copy(text.begin(), text.end(), secret.Reveal(SecretAccess()).begin());
    return secret;
  }

  // MakeStorageRoot puts a storage root key at 0x81000001.
  bool MakeStorageRoot(const std::string& attributes = kStorageAttributes, const std::vector<std::string>& more = {}) {
    std::vector<std::string> command = {"tpm2_createprimary", "-C", "o", "-G", "rsa2048", "-a", attributes, "-c",
                                        dir_.File("primary")};
    command.insert(command.end(), more.begin(), more.end());
    return Tool(command) == 0 &&
           Tool({"tpm2_evictcontrol", "-C", "o", "-c", dir_.File("primary"), "0x81000001"}) == 0 &&
           Tool({"tpm2_flushcontext", "-t"}) == 0;
  }

  // What Make does to the options of a backend.
  std::function<void(TpmBackend::Options&)> adjust_;
  const std::unique_ptr<CryptoLibrary> library_ = *CryptoLibrary::Create();
  const std::shared_ptr<Wiretap> tap_ = std::make_shared<Wiretap>();
  test::TempDir dir_;
  test::Swtpm tpm_;
  std::unique_ptr<TpmBackend> backend_;
};

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_TPM_FIXTURE_H_
