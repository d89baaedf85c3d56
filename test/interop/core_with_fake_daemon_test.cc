// Unmodified processes of Cyclone DDS with our plugin, and a scripted daemon that misbehaves.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "test/fakes/fake_authentication_service.h"
#include "test/support/ddsperf.h"
#include "test/support/pki_cyclone.h"
#include "test/support/plugin_host.h"
#include "test/support/sanitizer.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class CoreWithFakeDaemonTest : public ::testing::Test {
 protected:
  CoreWithFakeDaemonTest() {
    pki_.AddParticipant("talker");
    pki_.AddParticipant("listener");
  }

  CycloneOptions OptionsOf(const std::string& name) const {
    CycloneOptions options = CycloneOptions::For(pki_, name, 7);
    options.private_key = "ddskey:" + name;
    options.library = std::filesystem::absolute(kShimPlugin);
    return options;
  }

  std::unique_ptr<Ddsperf> Start(const std::vector<std::string>& arguments, const CycloneOptions& options,
                                 std::map<std::string, std::string> environment = {}) {
    environment.merge(SanitizerEnvironment());
    environment["DDSKEY_SOCKET"] = socket_;
    return Ddsperf::Start(arguments, CycloneConfig(options),
                          {.environment = std::move(environment), .user = {}, .output = {}});
  }

  void StartBoth() {
    listener_ = Start({"sub"}, OptionsOf("listener"));
    talker_ = Start({"pub", "100Hz", "size", "1k"}, OptionsOf("talker"));
  }

  void ExpectDataToFlow() {
    EXPECT_TRUE(listener_->WaitForData(0, std::chrono::seconds(60)))
        << "listener: " << listener_->Output() << "\ntalker: " << talker_->Output();
  }

  const TempDir folder_;
  const std::string socket_ = folder_.File("s");
  CyclonePki pki_{folder_.path()};
  FakeAuthenticationService service_{socket_};
  std::unique_ptr<Ddsperf> listener_;
  std::unique_ptr<Ddsperf> talker_;
};

TEST_F(CoreWithFakeDaemonTest, TwoProcessesAuthenticateAndExchangeData) {
  StartBoth();
  ExpectDataToFlow();
  EXPECT_THAT(talker_->Output(), Not(HasSubstr("ddskey")));
}

TEST_F(CoreWithFakeDaemonTest, TheDropInTakesThePlaceOfTheBuiltinPlugin) {
  const std::string drop_in = std::filesystem::absolute("plugin_shim/cyclonedds");
  CycloneOptions listener = OptionsOf("listener");
  CycloneOptions talker = OptionsOf("talker");
  listener.library = talker.library = "";
  listener_ = Start({"sub"}, listener, {{"LD_LIBRARY_PATH", drop_in}});
  talker_ = Start({"pub", "100Hz", "size", "1k"}, talker, {{"LD_LIBRARY_PATH", drop_in}});
  ExpectDataToFlow();
}

TEST_F(CoreWithFakeDaemonTest, ASlowDeviceOnlyTakesLonger) {
  service_.Pend(8);
  StartBoth();
  ExpectDataToFlow();
  EXPECT_GE(service_.Calls("SignHandshake"), 2);
}

TEST_F(CoreWithFakeDaemonTest, ADaemonThatIsAwayAtEveryStepOnlyTakesLonger) {
  for (const char* step : {"BeginHandshakeRequest", "BeginHandshakeReply", "ProcessHandshake"}) {
    service_.Fail(step, grpc::StatusCode::UNAVAILABLE, "starting", 2);
  }
  StartBoth();
  ExpectDataToFlow();
}

TEST_F(CoreWithFakeDaemonTest, ProcessesThatStartBeforeTheDaemonWaitForIt) {
  service_.Stop();
  StartBoth();
  // They are waiting when they have written nothing and still run; the daemon comes then.
  EXPECT_TRUE(talker_->process().Running());
  service_.Start();
  ExpectDataToFlow();
}

TEST_F(CoreWithFakeDaemonTest, AProcessWithoutADaemonFailsWithOneClearSentence) {
  service_.Stop();
  talker_ = Start({"pub"}, OptionsOf("talker"), {{"DDSKEY_CONNECT_TIMEOUT_MS", "200"}});
  EXPECT_TRUE(talker_->process().Wait().has_value());
  EXPECT_THAT(talker_->Output(), AllOf(HasSubstr("ddskey:talker"), HasSubstr(socket_), HasSubstr("DDSKEY_SOCKET")));
}

TEST_F(CoreWithFakeDaemonTest, APlainPrivateKeyIsRefusedWithTheNextStep) {
  CycloneOptions options = OptionsOf("talker");
  options.private_key = "file:" + pki_.File("talker.key");
  talker_ = Start({"pub"}, options);
  EXPECT_TRUE(talker_->process().Wait().has_value());
  EXPECT_THAT(talker_->Output(), HasSubstr("ddskeyctl key create"));
}

TEST_F(CoreWithFakeDaemonTest, ARefusedPeerGetsNothingAndNobodyIsHarmed) {
  service_.Fail("BeginHandshakeReply", grpc::StatusCode::PERMISSION_DENIED, "[certificate] is not signed by your CA",
                1'000);
  StartBoth();
  const auto said = [this] {
    return (listener_->Output() + talker_->Output()).find("[certificate]") != std::string::npos;
  };
  EXPECT_TRUE(WaitFor(said)) << listener_->Output() << talker_->Output();
  EXPECT_TRUE(WaitFor([this] { return service_.Calls("BeginHandshakeReply") >= 3; }));
  EXPECT_EQ(listener_->Samples(), 0u);
  EXPECT_TRUE(listener_->process().Running());
  EXPECT_TRUE(talker_->process().Running());
}

TEST_F(CoreWithFakeDaemonTest, DataFlowsOnWhenTheDaemonIsGone) {
  StartBoth();
  ExpectDataToFlow();
  service_.Stop();
  EXPECT_TRUE(listener_->WaitForData(listener_->Samples() + 200)) << listener_->Output();
}

}  // namespace
}  // namespace ddskey::test
