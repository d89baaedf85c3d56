#include "test/support/ddsperf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/pki_cyclone.h"

namespace ddskey::test {
namespace {

using ::testing::HasSubstr;

class DdsperfTest : public testing::Test {
 protected:
  DdsperfTest() {
    pki_.AddParticipant("talker");
    pki_.AddParticipant("listener");
  }

  std::string Configuration(const std::string& name, int domain) {
    return CycloneConfig(CycloneOptions::For(pki_, name, domain));
  }

  const TempDir folder_;
  CyclonePki pki_{folder_.path()};
};

TEST_F(DdsperfTest, CountsTheDataOfItsDomain) {
  const auto listener = Ddsperf::Start({"sub"}, Configuration("listener", 7));
  const auto elsewhere = Ddsperf::Start({"sub"}, Configuration("listener", 8));
  const auto talker = Ddsperf::Start({"pub", "1000Hz", "size", "1k"}, Configuration("talker", 7));
  EXPECT_TRUE(listener->WaitForData()) << listener->Output();
  const uint64_t seen = listener->Samples();
  EXPECT_TRUE(listener->WaitForData(seen)) << listener->Output();
  EXPECT_EQ(elsewhere->Samples(), 0u) << elsewhere->Output();
  EXPECT_TRUE(talker->Stop().has_value());
  EXPECT_FALSE(talker->process().Running());
}

TEST_F(DdsperfTest, DoesNotWaitForAProcessThatHasEnded) {
  std::filesystem::remove(pki_.File("listener.key"));
  const auto broken = Ddsperf::Start({"sub"}, Configuration("listener", 7));
  EXPECT_FALSE(broken->WaitForData(0, std::chrono::minutes(5)));
  EXPECT_FALSE(broken->process().Running());
  EXPECT_THAT(broken->Output(), HasSubstr("listener.key"));
}

}  // namespace
}  // namespace ddskey::test
