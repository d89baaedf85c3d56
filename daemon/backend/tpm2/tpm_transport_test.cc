// The ways to a TPM that no other test goes: a device of the kernel's, Microsoft's simulator, and swtpm by TCP.
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "daemon/backend/crypto_library.h"
#include "daemon/backend/tpm2/tpm_backend.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/swtpm.h"
#include "test/support/tpm_relay.h"

namespace ddskey::tpm {
namespace {

using test::TpmRelay;

class TpmTransportTest : public ::testing::TestWithParam<TpmRelay::Way> {
 protected:
  std::unique_ptr<TpmBackend> Open() const {
    TpmBackend::Options options;
    options.tcti = relay_.tcti();
    return *TpmBackend::Create(std::move(options));
  }
  static WorkOptions Soon() { return {std::chrono::steady_clock::now() + std::chrono::seconds(20)}; }
  static absl::StatusOr<SealedKey> Create(KeyBackend& backend) {
    std::promise<absl::StatusOr<SealedKey>> made;
    backend.SubmitCreate(KeyAlgorithm::kEcP256, KeyPurpose::kHandshake, Soon(),
                         [&](absl::StatusOr<SealedKey> key) { made.set_value(std::move(key)); });
    return made.get_future().get();
  }
  absl::Status SignWith(KeyBackend& backend, const SealedKey& key) const {
    const std::string digest(32, 'd');
    std::promise<absl::StatusOr<Signature>> made;
    backend.SubmitSign(key, SignatureScheme::kEcdsaSha256, digest, Soon(),
                       [&](absl::StatusOr<Signature> signature) { made.set_value(std::move(signature)); });
    const auto signature = made.get_future().get();
    if (!signature.ok()) return signature.status();
    const auto public_key = library_->ParsePublicKeyInfo(key.algorithm, key.public_key);
    return library_->Verify(**public_key, SignatureScheme::kEcdsaSha256, digest, *signature);
  }

  const std::unique_ptr<CryptoLibrary> library_ = *CryptoLibrary::Create();
  test::Swtpm tpm_;
  const TpmRelay relay_{tpm_, GetParam()};
};

TEST_P(TpmTransportTest, MakesKeysAndUsesThemAgainAfterARestartOfTheTpm) {
  auto backend = Open();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create(*backend));
  EXPECT_OK(SignWith(*backend, key));
  tpm_.Restart();
  EXPECT_OK(SignWith(*backend, key));
  EXPECT_TRUE(backend->Health().healthy) << backend->Health().problem;
  backend = Open();
  EXPECT_OK(SignWith(*backend, key));
  EXPECT_EQ(backend->Recognize(key.blob), Recognition::kOwn);
}

TEST_P(TpmTransportTest, SpeaksOfATpmThatDoesNotAnswerAndLeavesItInTime) {
  auto backend = Open();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create(*backend));
  tpm_.Stop();
  backend->SubmitSign(key, SignatureScheme::kEcdsaSha256, std::string(32, 'd'), Soon(), [](auto) {});
  EXPECT_TRUE(test::WaitFor([&] { return !backend->Health().healthy; }));
  const auto began = std::chrono::steady_clock::now();
  backend.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
  tpm_.Continue();
}

INSTANTIATE_TEST_SUITE_P(Ways, TpmTransportTest,
                         ::testing::Values(TpmRelay::Way::kDevice, TpmRelay::Way::kSimulator, TpmRelay::Way::kTcp),
                         [](const auto& info) {
                           switch (info.param) {
                             case TpmRelay::Way::kDevice:
                               return std::string("Device");
                             case TpmRelay::Way::kSimulator:
                               return std::string("Simulator");
                             case TpmRelay::Way::kTcp:
                               return std::string("Tcp");
                           }
                           return std::string();
                         });

}  // namespace
}  // namespace ddskey::tpm
