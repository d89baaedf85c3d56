#include "client/socket_admin_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {
namespace {

using ::testing::HasSubstr;

TEST(SocketAdminClientTest, SaysWhereItLookedForTheDaemon) {
  const TempDir folder;
  SocketAdminClient client(folder.File("admin.sock"));
  EXPECT_THAT(client.GetStatus({}), StatusIs(absl::StatusCode::kUnavailable, HasSubstr(folder.File("admin.sock"))));
}

TEST(SocketAdminClientTest, PassesOnTheCodeOfTheServer) {
  const TempDir folder;
  const std::string socket = folder.File("s");
  // A gRPC server that knows no AdminService.
  const auto server = Process::Start({"test/fakes/echo_server", socket}, {.environment = {}, .user = {}, .output = {}});
  SocketAdminClient client(socket);
  absl::Status status;
  EXPECT_TRUE(WaitFor([&] {
    status = client.ListKeys({}).status();
    return status.code() != absl::StatusCode::kUnavailable;
  }));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(client.CreateKey({}), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(client.InstallCertificate({}), StatusIs(absl::StatusCode::kUnimplemented));
}

TEST(SocketAdminClientTest, WaitsNoLongerThanItsTimeout) {
  const TempDir folder;
  const std::string socket = folder.File("s");
  const auto server = Process::Start({"test/fakes/echo_server", socket}, {.environment = {}, .user = {}, .output = {}});
  SocketAdminClient patient(socket);
  ASSERT_TRUE(WaitFor([&] { return patient.GetStatus({}).status().code() != absl::StatusCode::kUnavailable; }));
  server->Freeze();
  SocketAdminClient hurried(socket, std::chrono::milliseconds(100));
  EXPECT_THAT(hurried.GetStatus({}), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

}  // namespace
}  // namespace ddskey::test
