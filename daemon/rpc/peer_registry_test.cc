#include "daemon/rpc/peer_registry.h"

#include <gtest/gtest.h>

#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using test::IsOkAndHolds;
using test::StatusIs;

Subject Process(pid_t pid) { return {.uid = 1000, .gid = 100, .groups = {7}, .pid = pid, .start_time = 99}; }

TEST(PeerRegistryTest, S10KnowsTheProcessOfEachConnection) {
  PeerRegistry peers;
  peers.Add(12, Process(1));
  peers.Add(13, Process(2));
  EXPECT_THAT(peers.IdentifyPeer("fd:12"), IsOkAndHolds(Process(1)));
  EXPECT_THAT(peers.IdentifyPeer("fd:13"), IsOkAndHolds(Process(2)));
  EXPECT_EQ(peers.size(), 2u);
}

TEST(PeerRegistryTest, S10RefusesWhatItDoesNotKnow) {
  PeerRegistry peers;
  peers.Add(12, Process(1));
  for (const char* peer : {"", "fd:", "fd:1", "fd:123", "fd:12x", "fd: 12", "unix:", "ipv4:127.0.0.1:12", "12"}) {
    EXPECT_THAT(peers.IdentifyPeer(peer), StatusIs(absl::StatusCode::kUnauthenticated)) << peer;
  }
}

TEST(PeerRegistryTest, S10ForgetsAConnectionThatEnded) {
  PeerRegistry peers;
  const uint64_t number = peers.Add(12, Process(1));
  peers.Remove(12, number);
  EXPECT_THAT(peers.IdentifyPeer("fd:12"), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_EQ(peers.size(), 0u);
}

TEST(PeerRegistryTest, S10KeepsALaterConnectionWithTheSameDescriptor) {
  PeerRegistry peers;
  const uint64_t number = peers.Add(12, Process(1));
  peers.Add(12, Process(2));
  // The end of the first is noticed late.
  peers.Remove(12, number);
  EXPECT_THAT(peers.IdentifyPeer("fd:12"), IsOkAndHolds(Process(2)));
}

}  // namespace
}  // namespace ddskey
