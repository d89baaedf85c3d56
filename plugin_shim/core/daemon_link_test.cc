#include "plugin_shim/core/daemon_link.h"

#include <gtest/gtest.h>
#include <stdlib.h>

namespace ddskey {
namespace {

using std::chrono::milliseconds;

TEST(DaemonLinkTest, GoesToTheSocketOfTheEnvironmentAtItsMaking) {
  setenv("DDSKEY_SOCKET", "/tmp/a", 1);
  const DaemonLink link;
  setenv("DDSKEY_SOCKET", "/tmp/b", 1);
  EXPECT_EQ(link.socket(), "/tmp/a");
}

TEST(ConnectTimeoutTest, IsThePropertyElseTheEnvironmentElseFiveSeconds) {
  unsetenv("DDSKEY_CONNECT_TIMEOUT_MS");
  EXPECT_EQ(ConnectTimeout(std::nullopt), milliseconds(5'000));
  setenv("DDSKEY_CONNECT_TIMEOUT_MS", "250", 1);
  EXPECT_EQ(ConnectTimeout(std::nullopt), milliseconds(250));
  EXPECT_EQ(ConnectTimeout("70"), milliseconds(70));
}

TEST(ConnectTimeoutTest, IsNothingForWhatIsNoTime) {
  for (const char* text : {"", "0", "-1", "5 s", "1e3", "600001", "99999999999"}) {
    EXPECT_EQ(ConnectTimeout(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace ddskey
