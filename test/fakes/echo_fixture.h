#ifndef TEST_FAKES_ECHO_FIXTURE_H_
#define TEST_FAKES_ECHO_FIXTURE_H_

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/channel.h"
#include "test/fakes/echo.pb.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {

// EchoFixture runs a gRPC C++ server in a process of its own and calls it through a Channel.
class EchoFixture : public ::testing::Test {
 protected:
  static constexpr std::chrono::seconds kAmple{20};

  void StartServer(const std::string& connection_age_ms = "") {
    std::vector<std::string> command = {"test/fakes/echo_server", socket_};
    if (!connection_age_ms.empty()) command.push_back(connection_age_ms);
    server_ = Process::Start(command, {.environment = {}, .user = {}, .output = {}});
    CallOptions options = Within(kAmple);
    options.wait_for_ready = true;
    const auto reply = Echo(Payload("are you there"), options);
    ASSERT_TRUE(reply.status.ok()) << reply.status.message;
    ASSERT_EQ(reply.value.pid(), server_->pid());
  }

  static CallOptions Within(std::chrono::milliseconds time) {
    CallOptions options;
    options.deadline = CallClock::now() + time;
    return options;
  }

  static EchoRequest Payload(std::string payload) {
    EchoRequest request;
    request.set_payload(std::move(payload));
    return request;
  }

  CallResult<EchoResponse> Echo(const EchoRequest& request, const CallOptions& options = Within(kAmple)) {
    return EchoOn(channel_, request, options);
  }

  static CallResult<EchoResponse> EchoOn(Channel& channel, const EchoRequest& request, const CallOptions& options) {
    CallResult<EchoResponse> result;
    result.status = channel.Call("/ddskey.test.EchoService/Echo", request, &result.value, options);
    return result;
  }

  TempDir folder_;
  const std::string socket_ = folder_.File("s");
  std::unique_ptr<Process> server_;
  Channel channel_{socket_};
};

}  // namespace ddskey::test

#endif  // TEST_FAKES_ECHO_FIXTURE_H_
