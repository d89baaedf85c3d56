// Applications that die, stand still, and come and go.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "test/interop/secured_domain.h"

namespace ddskey::interop {
namespace {

using std::chrono::seconds;
using test::WaitFor;

// Who stays, and who dies, stands still, or comes and goes.
using Pair = std::tuple<Stack, Stack>;

class EnduranceTest : public ::testing::TestWithParam<Pair> {
 protected:
  EnduranceTest() {
    const auto [first, second] = domain_.InOrder();
    staying_ = first;
    other_ = second;
    domain_.Enroll(std::get<0>(GetParam()), staying_);
    domain_.Enroll(std::get<1>(GetParam()), other_);
  }

  std::unique_ptr<GreeterProcess> StartStaying() const { return domain_.Start(std::get<0>(GetParam()), staying_); }
  std::unique_ptr<GreeterProcess> StartOther(int lives = 0) const {
    return domain_.Start(std::get<1>(GetParam()), other_, lives);
  }

  static bool OnlyCyclone() {
    return std::get<0>(GetParam()) != Stack::kFastDds && std::get<1>(GetParam()) != Stack::kFastDds;
  }

  // ExpectBothToHear waits until each hears the other anew.
  void ExpectBothToHear(const GreeterProcess& staying, const GreeterProcess& other) const {
    EXPECT_TRUE(other.WaitToHear(staying_, other.Heard(staying_))) << staying.Output() << other.Output();
    EXPECT_TRUE(staying.WaitToHear(other_, staying.Heard(other_))) << staying.Output() << other.Output();
  }

  SecuredDomain domain_;
  std::string staying_;
  std::string other_;
};

TEST_P(EnduranceTest, WhoIsKilledAndStartedAgainTenTimesMeetsItsPeerEachTime) {
  const auto staying = StartStaying();
  for (int life = 0; life <= 10; ++life) {
    const auto other = StartOther();
    ExpectBothToHear(*staying, *other);
    other->process().Kill();
  }
}

TEST_P(EnduranceTest, ParticipantsThatComeAndGoAreMetEachTime) {
  // One a second for a minute; with Fast DDS, which looks for peers every three seconds, fewer.
  const int lives = OnlyCyclone() ? 60 : 10;
  const auto staying = StartStaying();
  const auto other = StartOther(lives);
  EXPECT_EQ(other->process().Wait(seconds(150)), 0) << staying->Output() << other->Output();
  EXPECT_TRUE(staying->process().Running());
  EXPECT_GT(staying->Heard(other_), 0u);
}

// The lease of all is ten seconds.
TEST_P(EnduranceTest, WhoStandsStillForFiveAndForFifteenSecondsIsHeardAgain) {
  const Stack stack = std::get<1>(GetParam());
  // After 15 s a Fast DDS application may still hold its peer for authenticated, which has given it up (see
  // docs/interoperability.md).
  const bool long_too = stack != Stack::kFastDds;
  domain_.Enroll(stack, "carol");
  const auto staying = StartStaying();
  const auto briefly = StartOther();
  ExpectBothToHear(*staying, *briefly);
  std::unique_ptr<GreeterProcess> long_time;
  if (long_too) {
    long_time = domain_.Start(stack, "carol");
    ASSERT_TRUE(staying->WaitToHear("carol")) << staying->Output() << long_time->Output();
    long_time->process().Signal(SIGSTOP);
  }
  briefly->process().Signal(SIGSTOP);
  const auto begin = std::chrono::steady_clock::now();
  const auto wait_until = [begin](seconds after) {
    WaitFor([&] { return std::chrono::steady_clock::now() - begin >= after; }, after);
  };
  wait_until(seconds(5));
  briefly->process().Signal(SIGCONT);
  ExpectBothToHear(*staying, *briefly);
  if (!long_too) return;
  wait_until(seconds(15));
  long_time->process().Signal(SIGCONT);
  EXPECT_TRUE(staying->WaitToHear("carol", staying->Heard("carol"))) << staying->Output() << long_time->Output();
  EXPECT_TRUE(long_time->WaitToHear(staying_, long_time->Heard(staying_))) << staying->Output() << long_time->Output();
}

std::string TestNameOf(const ::testing::TestParamInfo<Pair>& info) {
  std::string name = NameOf(std::get<0>(info.param)) + "And" + NameOf(std::get<1>(info.param));
  std::erase_if(name, [](char c) { return c == ' '; });
  return name;
}

INSTANTIATE_TEST_SUITE_P(Stacks, EnduranceTest,
                         ::testing::Values(Pair(Stack::kCycloneInCustody, Stack::kCycloneInCustody),
                                           Pair(Stack::kCycloneInCustody, Stack::kFastDds),
                                           Pair(Stack::kFastDds, Stack::kCycloneInCustody),
                                           Pair(Stack::kCyclone, Stack::kCycloneInCustody)),
                         &TestNameOf);

}  // namespace
}  // namespace ddskey::interop
