#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <utility>

#include "daemon/backend/tpm2/tpm_backend.h"
#include "test/conformance/key_backend_conformance.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/tabrmd.h"

namespace ddskey::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class TabrmdHost : public BackendHost {
 public:
  std::unique_ptr<KeyBackend> Make() override {
    TpmBackend::Options options;
    options.tcti = broker_.tcti();
    return *TpmBackend::Create(std::move(options));
  }
  Tabrmd& broker() { return broker_; }

 private:
  Tabrmd broker_;
};

INSTANTIATE_TEST_SUITE_P(Tabrmd, KeyBackendConformance,
                         ::testing::Values(BackendKind{"tabrmd", [] { return std::make_unique<TabrmdHost>(); }}));

// TabrmdFaultTest is what a broker adds to the faults of a TPM.
class TabrmdFaultTest : public ::testing::Test {
 protected:
  static WorkOptions In(std::chrono::nanoseconds time) {
    return {std::chrono::steady_clock::now() + time, WorkClass::kCompletion, ""};
  }
  SealedKey Create() {
    std::promise<absl::StatusOr<SealedKey>> made;
    backend_->SubmitCreate(KeyAlgorithm::kEcP256, KeyPurpose::kHandshake, In(minutes(1)),
                           [&](absl::StatusOr<SealedKey> key) { made.set_value(std::move(key)); });
    return *made.get_future().get();
  }
  std::future<absl::StatusOr<Signature>> Submit(const SealedKey& key, std::chrono::nanoseconds time) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<Signature>>>();
    backend_->SubmitSign(key, SignatureScheme::kEcdsaSha256, std::string(32, 'd'), In(time),
                         [promise](absl::StatusOr<Signature> signature) { promise->set_value(std::move(signature)); });
    return promise->get_future();
  }

  TabrmdHost host_;
  std::unique_ptr<KeyBackend> backend_ = host_.Make();
};

TEST_F(TabrmdFaultTest, WorkWaitsForABrokerThatWasKilled) {
  const SealedKey key = Create();
  ASSERT_OK(Submit(key, minutes(1)).get());
  host_.broker().Kill();
  auto signature = Submit(key, minutes(1));
  ASSERT_TRUE(WaitFor([&] { return !backend_->Health().healthy; }));
  host_.broker().Restart();
  EXPECT_OK(signature.get());
}

TEST_F(TabrmdFaultTest, WorkWaitsForABrokerWhoseTpmWasKilled) {
  const SealedKey key = Create();
  ASSERT_OK(Submit(key, minutes(1)).get());
  host_.broker().Kill();
  host_.broker().tpm().Restart();
  auto signature = Submit(key, minutes(1));
  host_.broker().Restart();
  EXPECT_OK(signature.get());
}

TEST_F(TabrmdFaultTest, AStoppedBrokerDelaysNobodyAndShutdownNeither) {
  const SealedKey key = Create();
  ASSERT_OK(Submit(key, minutes(1)).get());
  host_.broker().Stop();
  EXPECT_THAT(Submit(key, milliseconds(100)).get(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  auto patient = Submit(key, minutes(1));
  host_.broker().Continue();
  EXPECT_OK(patient.get());

  host_.broker().Stop();
  auto waiting = Submit(key, minutes(1));
  const auto began = std::chrono::steady_clock::now();
  backend_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(5));
  EXPECT_FALSE(waiting.get().ok());
  host_.broker().Continue();
}

}  // namespace
}  // namespace ddskey::test
