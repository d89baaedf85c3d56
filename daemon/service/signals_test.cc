#include "daemon/service/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using test::IsOkAndHolds;

TEST(SignalsTest, ReportsEachSignalToTheThreadThatWaits) {
  ASSERT_OK(BlockSignals());
  // To the process, so that any thread could get it, one that was started after blocking included.
  for (const auto& [number, signal] :
       {std::pair(SIGTERM, Signal::kStop), {SIGINT, Signal::kStop}, {SIGHUP, Signal::kReload}}) {
    std::thread([number = number] { kill(getpid(), number); }).join();
    EXPECT_THAT(WaitForSignal(), IsOkAndHolds(signal));
  }
}

}  // namespace
}  // namespace ddskey
