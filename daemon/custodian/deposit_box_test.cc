#include "daemon/custodian/deposit_box.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <vector>

#include "test/support/process.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using ::ddskey::test::WaitFor;
using std::chrono::milliseconds;

// HeldDevice keeps work until the test finishes it.
class HeldDevice final : public KeyBackend {
 public:
  WorkId SubmitCreate(KeyAlgorithm, KeyPurpose, WorkOptions, CreateDone) override { return 0; }
  WorkId SubmitSign(SealedKey, SignatureScheme, std::string, WorkOptions, SignDone done) override {
    const std::lock_guard lock(mutex_);
    work_[++last_] = std::move(done);
    return last_;
  }
  void Cancel(WorkId work) override {
    const auto done = Take(work);
    if (done) done(absl::CancelledError("cancelled"));
    ++cancelled;
  }
  Recognition Recognize(std::string_view) const override { return Recognition::kOwn; }
  std::string kind() const override { return "fake"; }
  std::vector<KeyAlgorithm> algorithms() const override { return {}; }
  std::string protection() const override { return ""; }
  BackendHealth Health() const override { return {}; }

  void Finish(WorkId work, absl::StatusOr<Signature> result) { Take(work)(std::move(result)); }
  WorkId last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }

  std::atomic<int> cancelled = 0;

 private:
  SignDone Take(WorkId work) {
    const std::lock_guard lock(mutex_);
    const auto entry = work_.find(work);
    if (entry == work_.end()) return nullptr;
    SignDone done = std::move(entry->second);
    work_.erase(entry);
    return done;
  }

  mutable std::mutex mutex_;
  WorkId last_ = 0;
  std::map<WorkId, SignDone> work_;
};

class DepositBoxTest : public ::testing::Test {
 protected:
  DepositBox& Box(DepositBox::Limits limits = {}) {
    box_ = std::make_unique<DepositBox>(pool_, limits);
    return *box_;
  }

  DepositBox::Order Order(const std::string& ticket, const std::string& pair = "pair",
                          const std::string& owner = "owner", uint32_t user = 0, const std::string& lane = "") {
    return {.owner = owner,
            .user = user,
            .lane = lane,
            .digest = ticket,
            .pair = pair,
            .backend = &device_,
            .submit = [this](auto done) {
              return device_.SubmitSign({}, SignatureScheme::kEcdsaSha256, "", {}, std::move(done));
            }};
  }

  // Answers collects what Done was called with, as text: "pending", a signature, or a status code.
  DepositBox::Done Note() {
    return [this](std::optional<absl::StatusOr<Signature>> result) {
      const std::lock_guard lock(mutex_);
      answers_.push_back(!result.has_value() ? "pending"
                         : result->ok()      ? (*result)->octets
                                             : absl::StatusCodeToString(result->status().code()));
    };
  }
  std::vector<std::string> Answers(size_t count) {
    WaitFor([&] {
      const std::lock_guard lock(mutex_);
      return answers_.size() >= count;
    });
    const std::lock_guard lock(mutex_);
    return answers_;
  }
  static std::chrono::steady_clock::time_point In(milliseconds time) { return std::chrono::steady_clock::now() + time; }

  HeldDevice device_;
  std::mutex mutex_;
  std::vector<std::string> answers_;
  WorkerPool pool_{2};
  std::unique_ptr<DepositBox> box_;
};

TEST_F(DepositBoxTest, S4ASignatureIsCollectedLaterWithoutBeingMadeAgain) {
  DepositBox& box = Box();
  box.Collect(Order("ticket"), In(milliseconds(1)), Note());
  EXPECT_THAT(Answers(1), ::testing::ElementsAre("pending"));
  device_.Finish(1, Signature{"signature"});
  box.Collect(Order("ticket"), In(milliseconds(0)), Note());
  EXPECT_THAT(Answers(2), ::testing::ElementsAre("pending", "signature"));
  EXPECT_EQ(device_.last(), 1U);
}

TEST_F(DepositBoxTest, S4EveryoneWhoAsksForOneTicketSharesItsWork) {
  DepositBox& box = Box();
  for (int i = 0; i < 5; ++i) box.Collect(Order("ticket"), In(std::chrono::seconds(20)), Note());
  ASSERT_TRUE(WaitFor([&] { return device_.last() == 1; }));
  device_.Finish(1, Signature{"s"});
  EXPECT_THAT(Answers(5), ::testing::ElementsAre("s", "s", "s", "s", "s"));
  EXPECT_EQ(device_.last(), 1U);
}

TEST_F(DepositBoxTest, S4WorkThatNobodyAsksForIsGivenUp) {
  DepositBox& box = Box({.interest = milliseconds(30)});
  box.Collect(Order("ticket"), In(milliseconds(1)), Note());
  EXPECT_TRUE(WaitFor([&] { return device_.cancelled == 1; }));
  EXPECT_TRUE(WaitFor([&] { return box.size() == 0; }));
}

TEST_F(DepositBoxTest, S4AskingAgainKeepsThePlaceInTheQueue) {
  DepositBox& box = Box({.interest = milliseconds(1500)});
  box.Collect(Order("ticket"), In(milliseconds(1)), Note());
  const auto end = In(milliseconds(3000));
  size_t asked = 1;
  while (std::chrono::steady_clock::now() < end) {
    box.Collect(Order("ticket"), In(milliseconds(0)), Note());
    Answers(++asked);
  }
  EXPECT_EQ(device_.cancelled, 0);
  device_.Finish(1, Signature{"s"});
  box.Collect(Order("ticket"), In(milliseconds(0)), Note());
  EXPECT_EQ(Answers(asked + 1).back(), "s");
}

TEST_F(DepositBoxTest, S17AskingAgainAndAgainTakesNoMemory) {
  DepositBox& box = Box();
  box.Collect(Order("ticket"), In(milliseconds(0)), Note());
  for (size_t asked = 1; asked < 300; ++asked) {
    Answers(asked);
    box.Collect(Order("ticket"), In(milliseconds(0)), Note());
  }
  Answers(300);
  EXPECT_LE(box.alarms(), 4U);
}

TEST_F(DepositBoxTest, S6WorkThatIsSupersededWhileItIsSubmittedIsCancelled) {
  DepositBox& box = Box();
  auto first = Order("first");
  first.submit = [&, submit = first.submit](KeyBackend::SignDone done) {
    box.Collect(Order("second"), In(std::chrono::seconds(20)), Note());
    return submit(std::move(done));
  };
  box.Collect(std::move(first), In(std::chrono::seconds(20)), Note());
  EXPECT_THAT(Answers(1), ::testing::ElementsAre("pending"));
  EXPECT_EQ(device_.last(), 2U);
  EXPECT_EQ(device_.cancelled, 1);
  device_.Finish(1, Signature{"second"});
  EXPECT_EQ(Answers(2).back(), "second");
}

TEST_F(DepositBoxTest, ASignatureIsForgottenAfterItsTime) {
  DepositBox& box = Box({.keep = milliseconds(20)});
  box.Collect(Order("ticket"), In(std::chrono::seconds(20)), Note());
  device_.Finish(1, Signature{"s"});
  Answers(1);
  EXPECT_TRUE(WaitFor([&] { return box.size() == 0; }));
}

TEST_F(DepositBoxTest, AnErrorOfTheDeviceIsToldAndMayBeTriedAgain) {
  DepositBox& box = Box();
  box.Collect(Order("ticket"), In(std::chrono::seconds(20)), Note());
  device_.Finish(1, absl::UnavailableError("away"));
  EXPECT_THAT(Answers(1), ::testing::ElementsAre("UNAVAILABLE"));
  box.Collect(Order("ticket"), In(std::chrono::seconds(20)), Note());
  device_.Finish(2, Signature{"s"});
  EXPECT_EQ(Answers(2).back(), "s");
}

TEST_F(DepositBoxTest, S6OfAPairOnlyTheNewestWorkIsOutstanding) {
  DepositBox& box = Box();
  box.Collect(Order("first"), In(std::chrono::seconds(20)), Note());
  box.Collect(Order("second"), In(std::chrono::seconds(20)), Note());
  EXPECT_THAT(Answers(1), ::testing::ElementsAre("pending"));
  EXPECT_EQ(device_.cancelled, 1);
  box.Collect(Order("other pair", "pair 2"), In(std::chrono::seconds(20)), Note());
  EXPECT_EQ(box.size(), 2U);
}

TEST_F(DepositBoxTest, DepositsOfOneOwnerAreBoundedAndOthersUnhurt) {
  DepositBox& box = Box({.per_owner = 3});
  for (int i = 0; i < 4; ++i) {
    box.Collect(Order("t" + std::to_string(i), "p" + std::to_string(i)), In(std::chrono::seconds(20)), Note());
  }
  EXPECT_THAT(Answers(1), ::testing::ElementsAre("RESOURCE_EXHAUSTED"));
  box.Collect(Order("t", "p", "somebody else"), In(std::chrono::seconds(20)), Note());
  EXPECT_EQ(box.size(), 4U);
}

TEST_F(DepositBoxTest, S6CapturedCertificatesThatFillTheShareOfAProcessMakeRoomForAnotherPeer) {
  DepositBox& box = Box({.per_owner = 6});
  const auto collect = [&](const std::string& lane, int number) {
    const std::string name = lane + std::to_string(number);
    box.Collect(Order(name, name, "owner", 0, lane), In(std::chrono::seconds(20)), Note());
  };
  for (int i = 0; i < 3; ++i) collect("captured", i);
  for (int i = 0; i < 3; ++i) collect("stolen", i);
  EXPECT_EQ(device_.cancelled, 0);
  collect("honest", 0);
  EXPECT_EQ(device_.cancelled, 1);
  EXPECT_THAT(Answers(1), ::testing::ElementsAre("pending")) << "what gave way may be asked for again";
  EXPECT_EQ(box.size(), 6U);
  collect("captured", 9);
  collect("stolen", 9);
  EXPECT_THAT(Answers(3), ::testing::Contains("RESOURCE_EXHAUSTED"));
  device_.Finish(7, Signature{"honest"});
  EXPECT_EQ(Answers(4).back(), "honest");
}

TEST_F(DepositBoxTest, SignaturesThatWereMadeMakeRoomForWorkOfTheSameProcess) {
  DepositBox& box = Box({.per_owner = 3});
  for (int i = 0; i < 20; ++i) {
    const std::string name = std::to_string(i);
    box.Collect(Order(name, name), In(std::chrono::seconds(20)), Note());
    device_.Finish(static_cast<KeyBackend::WorkId>(i) + 1, Signature{name});
    EXPECT_EQ(Answers(static_cast<size_t>(i) + 1).back(), name);
  }
  EXPECT_EQ(box.size(), 3U);
  // The newest ones are still there.
  box.Collect(Order("18", "18"), In(milliseconds(0)), Note());
  EXPECT_EQ(Answers(21).back(), "18");
}

TEST_F(DepositBoxTest, S17AUserWhoseProcessesFillTheBoxMakesRoomForOthers) {
  DepositBox& box = Box({.per_owner = 4, .total = 10});
  const auto collect = [&](const std::string& owner, uint32_t user, int number) {
    const std::string name = std::to_string(number);
    box.Collect(Order(name, name, owner, user), In(std::chrono::seconds(20)), Note());
  };
  for (int i = 0; i < 10; ++i) collect("process " + std::to_string(i / 4), 1, i);
  EXPECT_EQ(device_.cancelled, 0);
  for (int i = 0; i < 4; ++i) collect("honest", 2, i);
  EXPECT_EQ(device_.cancelled, 4);
  EXPECT_EQ(box.size(), 10U);
  // Its processes share alike.
  collect("process 3", 1, 0);
  EXPECT_EQ(device_.cancelled, 5);
  EXPECT_EQ(box.size(), 10U);
  EXPECT_THAT(Answers(5), ::testing::Each("pending"));
}

TEST_F(DepositBoxTest, ItsEndAnswersEveryoneAndLateCompletionsDoNoHarm) {
  Box().Collect(Order("ticket"), In(std::chrono::seconds(20)), Note());
  box_.reset();
  EXPECT_THAT(Answers(1), ::testing::ElementsAre("pending"));
  device_.Finish(1, Signature{"late"});
}

TEST_F(DepositBoxTest, ItsEndWhileWorkIsBeingSubmittedDoesNoHarm) {
  Box();
  DepositBox::Order order = Order("ticket");
  order.submit = [this](KeyBackend::SignDone done) {
    box_.reset();
    return device_.SubmitSign({}, SignatureScheme::kEcdsaSha256, "", {}, std::move(done));
  };
  box_->Collect(std::move(order), In(milliseconds(60'000)), Note());
  EXPECT_EQ(Answers(1), std::vector<std::string>{"pending"});
  EXPECT_EQ(device_.cancelled, 1) << "nobody is left to collect it";
}

}  // namespace
}  // namespace ddskey
