#include "daemon/rpc/grpc_log.h"

#include <gmock/gmock.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <sstream>
#include <string>

#include "ddskey/v1/admin.pb.h"

namespace ddskey {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Written is what goes to the log while `work` is done.
std::string Written(const std::function<void()>& work) {
  std::ostringstream out;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out)));
  RouteGrpcLog();
  work();
  spdlog::set_default_logger(before);
  return out.str();
}

TEST(GrpcLogTest, S16EscapesAndBoundsWhatClientsCanWrite) {
  const std::string written = Written([] {
    // What grpc_init does.
    gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
    for (int i = 0; i < 1000; ++i) gpr_log(GPR_ERROR, "Error parsing metadata: %s", "a\n[error] forged\x1b[2J");
  });
  EXPECT_THAT(written, HasSubstr("gRPC: Error parsing metadata: a\\n[error] forged\\x1b[2J"));
  EXPECT_THAT(written, Not(HasSubstr("\n[error] forged")));
  EXPECT_LE(std::count(written.begin(), written.end(), '\n'), 20);
}

TEST(GrpcLogTest, S16BoundsWhatTextsThatAreNoUtf8Write) {
  const std::string written = Written([] {
    v1::CreateKeyRequest request;
    for (int i = 0; i < 1000; ++i) EXPECT_FALSE(request.ParseFromString("\x0a\x01\xff"));
  });
  EXPECT_THAT(written, HasSubstr("protobuf: "));
  EXPECT_LE(std::count(written.begin(), written.end(), '\n'), 20);
}

}  // namespace
}  // namespace ddskey
