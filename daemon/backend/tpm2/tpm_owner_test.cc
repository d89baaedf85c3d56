// That no signature leaves TpmOwner unchecked, with a device that may lie; the rest is tested with a real one.

#include "daemon/backend/tpm2/tpm_owner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/backend/tpm2/key_device.h"
#include "daemon/backend/tpm2/tss_status.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

using test::StatusIs;
using ::testing::HasSubstr;

constexpr auto kScheme = SignatureScheme::kEcdsaSha256;

// LyingDevice signs with a key of software, wrongly as often as it is told to, and not while it is full.
class LyingDevice : public KeyDevice {
 public:
  LyingDevice(const CryptoLibrary& library, EVP_PKEY& key, std::atomic<int>& lies, const std::atomic<bool>& full)
      : library_(library), key_(key), lies_(lies), full_(full) {}

  absl::Status Probe() override { return absl::OkStatus(); }
  absl::StatusOr<SealedKey> Create(const CreateRequest& request) override {
    return SealedKey{request.algorithm, request.purpose, "blob", *library_.PublicKeyInfo(key_)};
  }
  absl::StatusOr<Signed> Sign(const SignRequest& request, const std::function<void()>& meanwhile) override {
    if (full_) return FromTss(TPM2_RC_OBJECT_MEMORY, "loading a TPM key");
    const bool lie = lies_ > 0 && lies_-- > 0;
    auto signature = library_.Sign(key_, kScheme, lie ? std::string(32, 'x') : request.digest);
    meanwhile();
    EVP_PKEY_up_ref(&key_);
    return Signed{*std::move(signature), EvpKey(&key_)};
  }
  absl::StatusOr<Attestation> Attest(const AttestRequest&) override { return Attestation(); }
  absl::StatusOr<ActivatedSecret> Activate(const ActivateRequest&) override { return ActivatedSecret(); }
  void Recover(Recovery) override {}
  void Leave() override {}

 private:
  const CryptoLibrary& library_;
  EVP_PKEY& key_;
  std::atomic<int>& lies_;
  const std::atomic<bool>& full_;
};

class TpmOwnerTest : public ::testing::Test {
 protected:
  TpmOwnerTest() {
    auto library = *CryptoLibrary::Create();
    const CryptoLibrary& used = *library;
    owner_ = *TpmOwner::Create(
        std::move(library),
        [&](DeviceMonitor&, int) { return std::make_unique<LyingDevice>(used, *key_, lies_, full_); }, {},
        std::chrono::milliseconds(0));
    thread_ = std::thread([this] { owner_->Run(); });
  }
  ~TpmOwnerTest() override {
    owner_->Stop();
    thread_.join();
  }

  std::future<absl::StatusOr<Signature>> Submit(int number) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<Signature>>>();
    owner_->queue().Submit(
        SignRequest{{}, kScheme, Digest(number)},
        {std::chrono::steady_clock::now() + std::chrono::minutes(1), WorkClass::kCompletion, ""},
        KeyBackend::SignDone([promise](absl::StatusOr<Signature> made) { promise->set_value(std::move(made)); }));
    return promise->get_future();
  }
  static std::string Digest(int number) { return std::string(31, 'd') + static_cast<char>(number); }

  const std::unique_ptr<CryptoLibrary> library_ = *CryptoLibrary::Create();
  const EvpKey key_ = *library_->Generate(KeyAlgorithm::kEcP256);
  std::atomic<int> lies_ = 0;
  std::atomic<bool> full_ = false;
  std::shared_ptr<TpmOwner> owner_;
  std::thread thread_;
};

TEST_F(TpmOwnerTest, ALyingDeviceIsFoundOutAndItsSignatureDoesNotLeave) {
  ASSERT_OK(Submit(0).get());
  lies_ = 2;
  EXPECT_THAT(Submit(1).get(), StatusIs(absl::StatusCode::kInternal, HasSubstr("wrong signatures")));
  EXPECT_TRUE(test::WaitFor([&] { return owner_->monitor().problem().find("wrong signatures") != std::string::npos; }));
  EXPECT_EQ(owner_->signatures(), 1u);
  EXPECT_OK(Submit(2).get());
  EXPECT_TRUE(test::WaitFor([&] { return owner_->monitor().problem().empty(); }));
}

TEST_F(TpmOwnerTest, AWrongSignatureIsMadeAgainWithoutDisturbingOthers) {
  lies_ = 1;
  std::vector<std::future<absl::StatusOr<Signature>>> signatures;
  for (int i = 0; i < 20; ++i) signatures.push_back(Submit(i));
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK_AND_ASSIGN(const Signature signature, signatures[i].get());
    EXPECT_OK(library_->Verify(*key_, kScheme, Digest(i), signature));
  }
}

// HangingDevice does not come back from signing before it is told to.
class HangingDevice : public LyingDevice {
 public:
  HangingDevice(const CryptoLibrary& library, EVP_PKEY& key, std::atomic<int>& lies, const std::atomic<bool>& full,
                std::shared_future<void> end)
      : LyingDevice(library, key, lies, full), end_(std::move(end)) {}

  absl::StatusOr<Signed> Sign(const SignRequest& request, const std::function<void()>& meanwhile) override {
    end_.wait();
    return LyingDevice::Sign(request, meanwhile);
  }

 private:
  const std::shared_future<void> end_;
};

TEST(TpmOwnerStallTest, AnOwnerHangsUnlessItWaitsForTheTpm) {
  const auto library = *CryptoLibrary::Create();
  const EvpKey key = *library->Generate(KeyAlgorithm::kEcP256);
  std::atomic<int> lies = 0;
  const std::atomic<bool> full = false;
  std::promise<void> end;
  DeviceMonitor* monitor = nullptr;
  const auto owner = *TpmOwner::Create(
      *CryptoLibrary::Create(),
      [&](DeviceMonitor& made, int) {
        monitor = &made;
        return std::make_unique<HangingDevice>(*library, *key, lies, full, end.get_future().share());
      },
      {}, std::chrono::milliseconds(0));
  std::thread thread([&] { owner->Run(); });
  const auto submit = [&](std::chrono::milliseconds time, const KeyBackend::SignDone& done) {
    owner->queue().Submit(SignRequest{{}, kScheme, std::string(32, 'd')},
                          {std::chrono::steady_clock::now() + time, WorkClass::kCompletion, ""}, done);
  };
  std::atomic<bool> late = false;
  monitor->Begin(std::chrono::hours(1));
  submit(std::chrono::milliseconds(20), [&](const absl::StatusOr<Signature>&) { late = true; });
  EXPECT_TRUE(test::WaitFor([&] { return late.load(); }));
  submit(std::chrono::hours(1), [](const absl::StatusOr<Signature>&) {});
  EXPECT_TRUE(test::WaitFor([&] { return owner->queue().Stalled() > std::chrono::milliseconds(20); }));
  EXPECT_EQ(owner->Stalled().count(), 0) << "the TPM takes its time";
  monitor->End();
  EXPECT_GT(owner->Stalled(), std::chrono::milliseconds(20));
  end.set_value();
  EXPECT_TRUE(test::WaitFor([&] { return owner->Stalled().count() == 0; }));
  owner->Stop();
  thread.join();
}

// A resource manager that is confused leaves its objects in the TPM, where nobody but it can remove them.
TEST_F(TpmOwnerTest, ATpmThatOthersFilledIsSpokenOfWhileWorkWaits) {
  full_ = true;
  std::future<absl::StatusOr<Signature>> waiting = Submit(0);
  EXPECT_TRUE(test::WaitFor([&] {
    return owner_->monitor().problem().find("restart the service in front of it") != std::string::npos;
  })) << owner_->monitor().problem();
  EXPECT_NE(waiting.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  full_ = false;
  EXPECT_OK(waiting.get());
  EXPECT_TRUE(test::WaitFor([&] { return owner_->monitor().problem().empty(); })) << owner_->monitor().problem();
}

}  // namespace
}  // namespace ddskey::tpm
