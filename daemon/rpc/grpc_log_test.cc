#include "daemon/rpc/grpc_log.h"

#include <gmock/gmock.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>

namespace ddskey {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(GrpcLogTest, S16EscapesAndBoundsWhatClientsCanWrite) {
  std::ostringstream out;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out)));
  RouteGrpcLog();
  // What grpc_init does.
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  for (int i = 0; i < 1000; ++i) gpr_log(GPR_ERROR, "Error parsing metadata: %s", "a\n[error] forged\x1b[2J");
  spdlog::set_default_logger(before);
  const std::string written = out.str();
  EXPECT_THAT(written, HasSubstr("gRPC: Error parsing metadata: a\\n[error] forged\\x1b[2J"));
  EXPECT_THAT(written, Not(HasSubstr("\n[error] forged")));
  EXPECT_LE(std::count(written.begin(), written.end(), '\n'), 20);
}

}  // namespace
}  // namespace ddskey
