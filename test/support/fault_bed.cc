#include "test/support/fault_bed.h"

#include <cstdio>

#include "test/support/process.h"

namespace ddskey::test {

void FaultBed::Begin(const std::string& tcti, int pairs) {
  TestDaemon::Options options = TestDaemon::WithTpm(tcti);
  options.backends += " backend { name: \"software\" software {} }";
  options.more = "limits { handshakes_per_second: 1000 handshake_burst: 10000 connections_per_process: 200 }";
  daemon_ = std::make_unique<TestDaemon>(options);
  traffic_ = std::make_unique<HandshakeTraffic>(*daemon_, ca_, "tpm", pairs);
  others_ = std::make_unique<HandshakeTraffic>(*daemon_, ca_, "software", 1);
  ExpectGoesOn();
}

void FaultBed::TearDown() {
  if (daemon_ == nullptr) return;
  for (HandshakeTraffic* traffic : {traffic_.get(), others_.get()}) {
    if (traffic == nullptr) continue;
    traffic->Stop();
    EXPECT_EQ(traffic->wrong(), "");
  }
  const v1::GetStatusResponse status = daemon_->Status();
  EXPECT_EQ(status.unusable_keys(), 0U);
  const auto keys = daemon_->admin().ListKeys({});
  ASSERT_TRUE(keys.ok());
  for (const v1::Key& key : keys->keys()) EXPECT_EQ(key.backend_problem(), "") << key.name();
}

v1::BackendStatus FaultBed::Tpm() { return daemon_->Status().backends(0); }

int FaultBed::CtlStatus(std::string& output) {
  return test::Run({"client/cli/ddskeyctl", "--socket", daemon_->admin_socket(), "status"}, &output);
}

void FaultBed::ExpectAway(const std::string& words) {
  std::string output;
  EXPECT_TRUE(WaitFor([&] {
    // Its last line says what is not well.
    return CtlStatus(output) == 1 && output.find("the backend tpm is not healthy: ") != std::string::npos &&
           output.find(words) != std::string::npos;
  })) << output;
  EXPECT_NE(output.find("Backend software (software): healthy"), std::string::npos) << output;
  EXPECT_TRUE(others_->AllNext()) << "the other backend waits, too";
}

void FaultBed::ExpectBack() {
  const auto first = traffic_->Next();
  ASSERT_TRUE(first.has_value()) << Tpm().problem();
  std::printf("[  FIGURE  ] first handshake %d ms after the device was back\n", static_cast<int>(first->count()));
  EXPECT_LT(*first, kLongest);
  ExpectGoesOn();
  std::string output;
  EXPECT_TRUE(WaitFor([&] { return CtlStatus(output) == 0; })) << output;
  EXPECT_NE(output.find("Backend tpm (tpm2): healthy"), std::string::npos) << output;
}

void FaultBed::ExpectGoesOn() {
  EXPECT_TRUE(traffic_->AllNext()) << Tpm().problem() << traffic_->wrong();
  EXPECT_TRUE(others_->AllNext()) << others_->wrong();
}

}  // namespace ddskey::test
