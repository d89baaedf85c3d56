// Who may not go on is told to the host, through the listener that it has set.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "test/support/fake_daemon_fixture.h"
#include "test/support/plugin_session.h"
#include "test/support/process.h"

namespace ddskey::test {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Calls that the plugin has made; it has no room for a context of the listener's own.
std::mutex mutex;
std::vector<std::pair<const void*, int64_t>> calls;

DDS_Security_boolean Revoked(const dds_security_authentication* plugin, DDS_Security_IdentityHandle handle) {
  const std::lock_guard lock(mutex);
  calls.emplace_back(plugin, handle);
  return 1;
}

std::vector<std::pair<const void*, int64_t>> Calls() {
  const std::lock_guard lock(mutex);
  return calls;
}

class RevocationTest : public FakeDaemonFixture {
 protected:
  void SetUp() override {
    const std::lock_guard lock(mutex);
    calls.clear();
  }

  dds_security_authentication* plugin() { return host_->plugin(); }
  void Listen() { ASSERT_TRUE(plugin()->set_listener(plugin(), &listener_, nullptr)); }
  void StopListening() { ASSERT_TRUE(plugin()->set_listener(plugin(), nullptr, nullptr)); }
  bool WaitForHeldCall() {
    return WaitFor([this] { return service_.held() > 0; });
  }

  const dds_security_authentication_listener listener_ = {&Revoked, nullptr};
};

TEST_F(RevocationTest, TheHandlesOfARevokedIdentityAreToldAndNoOthers) {
  Listen();
  const auto alice = Create(OptionsOf("alice", 0x10));
  const auto bob = Create(OptionsOf("bob", 0x20));
  const auto carol = Create(OptionsOf("carol", 0x30));
  PluginSession alice_to_bob(*alice, *bob);
  PluginSession bob_to_alice(*bob, *alice);
  PluginSession carol_to_alice(*carol, *alice);
  PluginSession alice_to_carol(*alice, *carol);
  ASSERT_TRUE(RunHandshake(alice_to_bob, bob_to_alice).complete);
  ASSERT_TRUE(RunHandshake(alice_to_carol, carol_to_alice).complete);
  service_.Refuse("certificate of bob", "[revoked] CN=bob");
  // All are participants of one plugin, so that Bob is a peer and one of its own.
  EXPECT_TRUE(WaitFor([] { return Calls().size() == 2; }));
  const int before = service_.Calls("CheckPeers");
  service_.Change();
  EXPECT_TRUE(WaitFor([&] { return service_.Calls("CheckPeers") > before; }));
  EXPECT_THAT(Calls(), UnorderedElementsAre(std::pair(plugin(), alice_to_bob.remote_handle()),
                                            std::pair(plugin(), bob->handle())));
  EXPECT_THAT(Log(), Contains(HasSubstr("ddskey:alice: the peer is dropped: [revoked] CN=bob")));
}

TEST_F(RevocationTest, APeerThatTheHostHasReturnedIsNotTold) {
  Listen();
  const auto alice = Create(OptionsOf("alice", 0x10));
  const auto bob = Create(OptionsOf("bob", 0x20));
  PluginSession bob_to_alice(*bob, *alice);
  {
    PluginSession alice_to_bob(*alice, *bob);
    ASSERT_TRUE(RunHandshake(alice_to_bob, bob_to_alice).complete);
  }
  service_.Refuse("certificate of bob", "[revoked] CN=bob");
  EXPECT_TRUE(WaitFor([] { return !Calls().empty(); }));
  EXPECT_THAT(Calls(), UnorderedElementsAre(std::pair(plugin(), bob->handle())));
}

TEST_F(RevocationTest, AfterTheListenerIsTakenBackNobodyIsCalledAndItDoesNotTakeLong) {
  Listen();
  const auto alice = Create(OptionsOf("alice", 0x10));
  ASSERT_TRUE(WaitForHeldCall());
  const auto begin = std::chrono::steady_clock::now();
  StopListening();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(2)) << "the daemon holds a call for a minute";
  service_.Refuse("certificate of alice", "withdrawn");
  EXPECT_TRUE(WaitFor([this] { return service_.held() == 0; }));
  EXPECT_THAT(Calls(), IsEmpty());
  Listen();
  EXPECT_TRUE(WaitFor([] { return Calls().size() == 1; })) << "who listens again is told";
}

TEST_F(RevocationTest, ThePluginEndsThoughItsListenerWasNeverTakenBack) {
  Listen();
  auto alice = Create(OptionsOf("alice", 0x10));
  ASSERT_TRUE(WaitForHeldCall());
  const auto begin = std::chrono::steady_clock::now();
  alice.reset();
  host_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(2));
}

TEST_F(RevocationTest, AListenerWithoutTheCallIsNone) {
  const dds_security_authentication_listener empty = {nullptr, nullptr};
  ASSERT_TRUE(plugin()->set_listener(plugin(), &empty, nullptr));
  const auto alice = Create(OptionsOf("alice", 0x10));
  service_.Refuse("certificate of alice", "withdrawn");
  EXPECT_EQ(service_.Calls("Watch"), 0);
}

TEST_F(RevocationTest, ARestartOfTheDaemonDropsNobodyAndLosesNoRevocation) {
  Listen();
  const auto alice = Create(OptionsOf("alice", 0x10));
  const auto bob = Create(OptionsOf("bob", 0x20));
  PluginSession alice_to_bob(*alice, *bob);
  PluginSession bob_to_alice(*bob, *alice);
  ASSERT_TRUE(RunHandshake(alice_to_bob, bob_to_alice).complete);
  ASSERT_TRUE(WaitForHeldCall());
  service_.Stop();
  service_.Start();
  ASSERT_TRUE(WaitForHeldCall());
  EXPECT_THAT(Calls(), IsEmpty());
  service_.Stop();
  service_.Refuse("certificate of bob", "[revoked] CN=bob");
  service_.Start();
  EXPECT_TRUE(WaitFor([] { return Calls().size() == 2; }));
}

}  // namespace
}  // namespace ddskey::test
