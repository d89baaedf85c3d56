// What the watchdog hears of the servers' threads.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "daemon/rpc/connected_child.h"
#include "daemon/rpc/fake_echo_service.h"
#include "daemon/rpc/listening_socket.h"
#include "daemon/rpc/peer_registry.h"
#include "daemon/rpc/server.h"
#include "daemon/rpc/service_table.h"
#include "daemon/rpc/unary_server.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::ConnectedChild;
using test::WaitFor;

// Less than a thread with nothing to do is silent for.
constexpr std::chrono::milliseconds kSilence(200);

class ServerSilenceTest : public ::testing::Test {
 protected:
  // ExpectBeats is that a client has every thread of a server turn.
  template <typename Server>
  void ExpectBeats(const Server& server) const {
    EXPECT_TRUE(WaitFor([&] { return server.silence() > kSilence; }));
    const ConnectedChild child(path_, ConnectedChild::Options());
    EXPECT_TRUE(WaitFor([&] { return server.silence() < kSilence; }, std::chrono::milliseconds(2000)));
  }

  const test::TempDir dir_;
  const std::string path_ = dir_.File("socket");
};

TEST_F(ServerSilenceTest, TheServerOfApplicationsIsHeardWhenAClientComes) {
  ASSERT_OK_AND_ASSIGN(ListeningSocket socket, ListeningSocket::Bind(path_, 0600));
  ASSERT_OK_AND_ASSIGN(const auto server,
                       UnaryServer::Start(std::move(socket), {.name = "test", .limits = {}}, ServiceTable()));
  ExpectBeats(*server);
}

TEST_F(ServerSilenceTest, TheServerOfAdministratorsIsHeardWhenAClientComes) {
  PeerRegistry peers;
  // gRPC does not start with nothing to serve.
  test::FakeEchoService service(peers);
  ASSERT_OK_AND_ASSIGN(ListeningSocket socket, ListeningSocket::Bind(path_, 0600));
  ASSERT_OK_AND_ASSIGN(const auto server,
                       RpcServer::Start(std::move(socket), {.name = "test", .limits = {}}, {&service}, peers));
  ExpectBeats(*server);
}

}  // namespace
}  // namespace ddskey
