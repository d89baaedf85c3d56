#include "plugin_shim/core/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ddskey {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kSocket[] = "/run/ddskeyd/ddskeyd.sock";

TEST(ExplainTest, NamesTheKeyTheSocketAndTheNextStep) {
  for (int code = 1; code <= 16; ++code) {
    const std::string sentence = Explain({static_cast<CallCode>(code), "reason"}, "talker", kSocket);
    EXPECT_THAT(sentence, AllOf(HasSubstr("ddskey:talker"), HasSubstr("; "), Not(HasSubstr("\n")))) << code;
    // Channel names the socket itself when it does not trust who listens there.
    EXPECT_EQ(sentence.find(kSocket) == std::string::npos, code == static_cast<int>(CallCode::kUnauthenticated))
        << code;
  }
}

TEST(ExplainTest, ARefusedPeerIsNoFaultOfTheConfiguration) {
  EXPECT_EQ(Explain({CallCode::kInvalidArgument, "[hash_c1] does not match"}, "talker", kSocket),
            "ddskey:talker: the peer was refused: [hash_c1] does not match");
}

TEST(ExplainTest, S17WaitsForAClockThatIsNotSetAndBlamesNoPeer) {
  const CallStatus status = {CallCode::kUnavailable, "[clock_not_set] the clock of this host says 1970"};
  EXPECT_EQ(RemedyFor(status), Remedy::kWait);
  EXPECT_THAT(Explain(status, "talker", kSocket), AllOf(HasSubstr("clock is not set"), Not(HasSubstr("peer"))));
}

TEST(ExplainTest, S16EscapesWhatAPeerCouldHaveSent) {
  const std::string sentence =
      Explain({CallCode::kPermissionDenied, "[subject] CN=\x1b[2J\n\xc3\xa9" + std::string(5'000, 'x')}, "k", kSocket);
  EXPECT_THAT(sentence, HasSubstr("CN=\\x1b[2J\\x0a\\xc3\\xa9"));
  EXPECT_LT(sentence.size(), 1'200u);
}

TEST(ExplainTest, WaitsForTheDaemonAndTakesItsNoForANo) {
  EXPECT_EQ(RemedyFor({CallCode::kUnavailable, ""}), Remedy::kWait);
  EXPECT_EQ(RemedyFor({CallCode::kDeadlineExceeded, ""}), Remedy::kWait);
  EXPECT_EQ(RemedyFor({CallCode::kResourceExhausted, ""}), Remedy::kWait);
  EXPECT_EQ(RemedyFor({CallCode::kInternal, ""}), Remedy::kWait);
  EXPECT_EQ(RemedyFor({CallCode::kFailedPrecondition, ""}), Remedy::kAnew);
  EXPECT_EQ(RemedyFor({CallCode::kInvalidArgument, ""}), Remedy::kNone);
  EXPECT_EQ(RemedyFor({CallCode::kPermissionDenied, ""}), Remedy::kNone);
}

}  // namespace
}  // namespace ddskey
