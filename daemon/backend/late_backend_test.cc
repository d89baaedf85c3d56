#include "daemon/backend/late_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "test/fakes/fake_key_backend.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using test::StatusIs;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class LateBackendTest : public testing::Test {
 protected:
  absl::StatusOr<SealedKey> Create() {
    std::promise<absl::StatusOr<SealedKey>> made;
    backend_.SubmitCreate(KeyAlgorithm::kEcP256, KeyPurpose::kHandshake,
                          {std::chrono::steady_clock::now() + std::chrono::minutes(1)},
                          [&](absl::StatusOr<SealedKey> key) { made.set_value(std::move(key)); });
    return made.get_future().get();
  }

  absl::Status reason_ = absl::FailedPreconditionError("the secret is not there");
  int tries_ = 0;
  LateBackend backend_{"fake",
                       [this]() -> absl::StatusOr<std::unique_ptr<KeyBackend>> {
                         ++tries_;
                         if (!reason_.ok()) return reason_;
                         return std::make_unique<test::FakeKeyBackend>();
                       },
                       std::chrono::milliseconds(20)};
};

TEST_F(LateBackendTest, SaysWhyItIsNotThereAndDoesNothing) {
  EXPECT_FALSE(backend_.Health().healthy);
  EXPECT_EQ(backend_.Health().problem, "the secret is not there");
  EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("the secret is not there")));
  EXPECT_EQ(backend_.Recognize("blob"), Recognition::kUnknown);
  EXPECT_EQ(backend_.kind(), "fake");
  EXPECT_TRUE(backend_.algorithms().empty());
  EXPECT_FALSE(backend_.protection().empty());
  backend_.Cancel(7);
}

TEST_F(LateBackendTest, IsThereByItselfWhenItCanBeOpened) {
  EXPECT_FALSE(Create().ok());
  reason_ = absl::OkStatus();
  EXPECT_TRUE(test::WaitFor([&] { return backend_.Health().healthy; }));
  const int tries = tries_;
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  EXPECT_EQ(backend_.Recognize(key.blob), Recognition::kOwn);
  EXPECT_EQ(tries_, tries) << "it is opened once";
}

TEST_F(LateBackendTest, PassesEachKindOfWorkOn) {
  const WorkOptions soon = {std::chrono::steady_clock::now() + std::chrono::minutes(1)};
  const auto ask = [&] {
    std::vector<absl::StatusCode> codes;
    const auto tell = [&](const auto& result) {
      if constexpr (std::is_same_v<decltype(result), const absl::Status&>) {
        codes.push_back(result.code());
      } else {
        codes.push_back(result.status().code());
      }
    };
    backend_.SubmitImport({}, KeyPurpose::kHandshake, soon, tell);
    backend_.SubmitExport({}, nullptr, soon, tell);
    backend_.SubmitCreateBound(KeyAlgorithm::kEcP256, KeyPurpose::kHandshake, {}, soon, tell);
    backend_.SubmitApprove({}, {}, soon, tell);
    backend_.SubmitUnlock(AuthKind::kOwner, nullptr, soon, tell);
    backend_.SubmitSign({}, SignatureScheme::kEcdsaSha256, "short", soon, tell);
    return codes;
  };
  EXPECT_THAT(ask(), AllOf(SizeIs(6), Each(absl::StatusCode::kUnavailable)));
  reason_ = absl::OkStatus();
  ASSERT_TRUE(test::WaitFor([&] { return backend_.Health().healthy; }));
  // The fake has nothing but keys that it makes itself.
  constexpr auto kNone = absl::StatusCode::kUnimplemented;
  EXPECT_THAT(ask(), ElementsAre(kNone, kNone, kNone, kNone, kNone, absl::StatusCode::kInvalidArgument));
}

TEST_F(LateBackendTest, IsNotTriedAgainAndAgain) {
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) backend_.Health();
  EXPECT_LE(tries_, 2 + (std::chrono::steady_clock::now() - began) / std::chrono::milliseconds(20));
}

}  // namespace
}  // namespace ddskey
