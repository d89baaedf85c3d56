#ifndef TEST_SUPPORT_FAKE_DAEMON_FIXTURE_H_
#define TEST_SUPPORT_FAKE_DAEMON_FIXTURE_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dds/ddsrt/log.h"
#include "test/fakes/fake_authentication_service.h"
#include "test/support/plugin_host.h"
#include "test/support/plugin_session.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {

// FakeDaemonFixture has our plugin loaded, a scripted daemon behind it, and what goes into the log of Cyclone DDS.
class FakeDaemonFixture : public ::testing::Test {
 protected:
  FakeDaemonFixture() {
    setenv("DDSKEY_SOCKET", socket_.c_str(), 1);
    dds_set_log_sink(&Remember, this);
    host_ = PluginHost::Load(kShimPlugin);
  }
  ~FakeDaemonFixture() override { dds_set_log_sink(nullptr, nullptr); }

  static PluginParticipant::Options OptionsOf(const std::string& name, uint8_t first_octet) {
    PluginParticipant::Options options;
    options.properties = {{"dds.sec.auth.private_key", "ddskey:" + name},
                          {"dds.sec.auth.identity_certificate", "data:,certificate of " + name}};
    options.candidate[0] = first_octet;
    options.permissions = "permissions of " + name;
    return options;
  }

  // Create makes a participant, or fails the test.
  std::unique_ptr<PluginParticipant> Create(const PluginParticipant::Options& options) {
    std::string error;
    auto participant = PluginParticipant::Create(*host_, options, &error);
    EXPECT_NE(participant, nullptr) << error;
    return participant;
  }

  // Refusal is why a participant cannot be created.
  std::string Refusal(const PluginParticipant::Options& options) {
    std::string error;
    EXPECT_EQ(PluginParticipant::Create(*host_, options, &error), nullptr);
    return error;
  }

  // Log is what was logged so far, a line each.
  std::vector<std::string> Log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }

  TempDir folder_;
  const std::string socket_ = folder_.File("s");
  FakeAuthenticationService service_{socket_};
  std::unique_ptr<PluginHost> host_;

 private:
  static void Remember(void* fixture, const dds_log_data_t* data) {
    auto* const self = static_cast<FakeDaemonFixture*>(fixture);
    const std::lock_guard lock(self->mutex_);
    self->log_.emplace_back(data->message, data->size);
  }

  std::mutex mutex_;
  std::vector<std::string> log_;
};

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_FAKE_DAEMON_FIXTURE_H_
