#include "test/support/fault_bed.h"

#include <cstdio>
#include <utility>

#include "test/support/process.h"

namespace ddskey::test {

using std::chrono::milliseconds;

void FaultBed::Begin(FaultyDevice device, int pairs) {
  device_ = std::move(device);
  TestDaemon::Options options;
  options.backends = device_.backend + " backend { name: \"software\" software {} }";
  options.more = "limits { handshakes_per_second: 1000 handshake_burst: 10000 connections_per_process: 200 }";
  daemon_ = std::make_unique<TestDaemon>(options);
  traffic_ = std::make_unique<HandshakeTraffic>(*daemon_, ca_, device_.name, pairs);
  others_ = std::make_unique<HandshakeTraffic>(*daemon_, ca_, "software", 1);
  ExpectGoesOn();
}

void FaultBed::Begin(const std::string& tcti, int pairs) {
  Begin({"tpm", "tpm2", TestDaemon::WithTpm(tcti).backends}, pairs);
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

v1::BackendStatus FaultBed::Device() { return daemon_->Status().backends(0); }

int FaultBed::CtlStatus(std::string& output) {
  return test::Run({"client/cli/ddskeyctl", "--socket", daemon_->admin_socket(), "status"}, &output);
}

void FaultBed::ExpectAway(const std::string& words) {
  std::string output;
  EXPECT_TRUE(WaitFor([&] {
    // Its last line says what is not well.
    return CtlStatus(output) == 1 &&
           output.find("the backend " + device_.name + " is not healthy: ") != std::string::npos &&
           output.find(words) != std::string::npos;
  })) << output;
  EXPECT_NE(output.find("Backend software (software): healthy"), std::string::npos) << output;
  EXPECT_TRUE(others_->AllNext()) << "the other backend waits, too";
}

milliseconds FaultBed::ExpectBack() {
  const milliseconds first = traffic_->Next().value_or(milliseconds::max());
  EXPECT_LT(first, device_.longest) << Device().problem();
  std::printf("[  FIGURE  ] first handshake %d ms after the device was back\n", static_cast<int>(first.count()));
  ExpectGoesOn();
  std::string output;
  EXPECT_TRUE(WaitFor([&] { return CtlStatus(output) == 0; })) << output;
  EXPECT_NE(output.find("Backend " + device_.name + " (" + device_.kind + "): healthy"), std::string::npos) << output;
  return first;
}

void FaultBed::ExpectGoesOn() {
  EXPECT_TRUE(traffic_->AllNext()) << Device().problem() << traffic_->wrong();
  EXPECT_TRUE(others_->AllNext()) << others_->wrong();
}

}  // namespace ddskey::test
