#include "client/server_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/socket_path.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using ::testing::UnorderedElementsAre;

TEST(ServerIdentityTest, S10TrustsRootDdskeydAndOneself) {
  const test::TempDir folder;
  const std::string passwd = folder.Write("passwd",
                                          "root:x:0:0::/root:/bin/sh\n"
                                          "ddskeyd2:x:990:990::/:/bin/false\n"
                                          "ddskeyd:x:991:991::/:/bin/false\n"
                                          "other:x:992:992::/:/bin/false\n");
  EXPECT_THAT(TrustedServerUids(passwd), UnorderedElementsAre(0, geteuid(), 991));
}

TEST(ServerIdentityTest, S10TrustsNobodyElseWithoutAnAccount) {
  const test::TempDir folder;
  EXPECT_THAT(TrustedServerUids(folder.Write("passwd", "not a passwd file\n:::\n")),
              UnorderedElementsAre(0, geteuid()));
  EXPECT_THAT(TrustedServerUids(folder.File("absent")), UnorderedElementsAre(0, geteuid()));
}

TEST(SocketPathTest, IsTheDefaultUnlessTheEnvironmentNamesAnother) {
  unsetenv("DDSKEY_SOCKET");
  unsetenv("DDSKEY_ADMIN_SOCKET");
  EXPECT_EQ(ServiceSocketPath(), "/run/ddskeyd/ddskeyd.sock");
  EXPECT_EQ(AdminSocketPath(), "/run/ddskeyd/admin.sock");
  setenv("DDSKEY_SOCKET", "", 1);
  EXPECT_EQ(ServiceSocketPath(), "/run/ddskeyd/ddskeyd.sock");
  setenv("DDSKEY_SOCKET", "/tmp/a", 1);
  setenv("DDSKEY_ADMIN_SOCKET", "/tmp/b", 1);
  EXPECT_EQ(ServiceSocketPath(), "/tmp/a");
  EXPECT_EQ(AdminSocketPath(), "/tmp/b");
}

}  // namespace
}  // namespace ddskey
