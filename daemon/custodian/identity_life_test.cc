#include "daemon/custodian/identity_life.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using test::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

KeyGeneration Generation(const std::string& uuid) {
  KeyGeneration generation;
  generation.uuid = uuid;
  generation.state = GenerationState::kCurrent;
  return generation;
}

Identity Talker() {
  return {.name = *KeyName::Parse("talker"), .deleted = false, .generations = {Generation("1")}, .trust = {}};
}

// Renewed is `identity` with the generation `uuid` made and put in force.
Identity Renewed(const Identity& identity, const std::string& uuid, absl::Time now) {
  return *Switched(*WithNext(identity, Generation(uuid)), "chain of " + uuid, now);
}

// Uuids are those of the generations, by number, with a letter for the state of each.
std::vector<std::string> States(const Identity& identity) {
  std::vector<std::string> states;
  for (const KeyGeneration& generation : identity.generations) {
    const char* const state = generation.state == GenerationState::kNext      ? "next"
                              : generation.state == GenerationState::kCurrent ? "current"
                                                                              : "old";
    states.push_back(std::to_string(generation.number) + ":" + generation.uuid + " " + state);
  }
  return states;
}

TEST(IdentityLifeTest, ANextGenerationIsMadeBesideTheCurrentOne) {
  Identity digest = Talker();
  digest.generations[0].purpose = KeyPurpose::kDigest;
  ASSERT_OK_AND_ASSIGN(const Identity with, WithNext(digest, Generation("2")));
  EXPECT_THAT(States(with), ElementsAre("1:1 current", "2:2 next"));
  // S-1: what a key is for stays as long as its identity.
  EXPECT_EQ(with.next()->purpose, KeyPurpose::kDigest);
  EXPECT_THAT(WithNext(with, Generation("3")), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("--abandon")));
}

TEST(IdentityLifeTest, AnAbandonedGenerationLeavesTheIdentityAsItWas) {
  ASSERT_OK_AND_ASSIGN(const Identity with, WithNext(Talker(), Generation("2")));
  ASSERT_OK_AND_ASSIGN(const Identity without, WithoutNext(with));
  EXPECT_THAT(States(without), ElementsAre("1:1 current"));
  EXPECT_THAT(WithoutNext(without), StatusIs(kPrecondition, HasSubstr("no next generation")));
}

TEST(IdentityLifeTest, ASwitchReplacesTheCurrentGeneration) {
  EXPECT_THAT(Switched(Talker(), "chain", kNow), StatusIs(kPrecondition, HasSubstr("identity renew talker")));
  const Identity renewed = Renewed(Talker(), "2", kNow);
  EXPECT_THAT(States(renewed), ElementsAre("1:1 old", "2:2 current"));
  EXPECT_EQ(renewed.generations[0].replaced, kNow);
  EXPECT_EQ(renewed.current().certificate_chain, "chain of 2");
}

TEST(IdentityLifeTest, RollingBackGoesToWhatWasCurrentLast) {
  EXPECT_THAT(RolledBack(Talker(), kNow), StatusIs(kPrecondition, HasSubstr("to go back to")));
  Identity identity = Renewed(Renewed(Talker(), "2", kNow), "3", kNow + absl::Hours(1));
  ASSERT_OK_AND_ASSIGN(identity, RolledBack(identity, kNow + absl::Hours(2)));
  EXPECT_THAT(States(identity), ElementsAre("1:1 old", "2:2 current", "3:3 old"));
  EXPECT_EQ(identity.current().replaced, absl::InfinitePast());
  // And forward again.
  ASSERT_OK_AND_ASSIGN(identity, RolledBack(identity, kNow + absl::Hours(3)));
  EXPECT_THAT(States(identity), ElementsAre("1:1 old", "2:2 old", "3:3 current"));
}

TEST(IdentityLifeTest, RollingBackLeavesTheNextGenerationAlone) {
  ASSERT_OK_AND_ASSIGN(Identity identity, WithNext(Renewed(Talker(), "2", kNow), Generation("3")));
  ASSERT_OK_AND_ASSIGN(identity, RolledBack(identity, kNow));
  EXPECT_THAT(States(identity), ElementsAre("1:1 current", "2:2 old", "3:3 next"));
}

TEST(IdentityLifeTest, KeepsABoundedNumberOfGenerations) {
  Identity identity = Talker();
  for (int i = 2; i < 20; ++i) identity = Renewed(identity, std::to_string(i), kNow + absl::Hours(i));
  EXPECT_EQ(identity.generations.size(), kMostGenerations);
  EXPECT_EQ(identity.current().number, 19U);
  EXPECT_EQ(LastReplaced(identity)->number, 18U);
  EXPECT_EQ(identity.generations.front().number, 12U);
}

TEST(IdentityLifeTest, TheCurrentGenerationCannotBeTakenAway) {
  EXPECT_THAT(States(Without(Talker(), "1")), ElementsAre("1:1 current"));
  EXPECT_THAT(States(Without(Renewed(Talker(), "2", kNow), "1")), ElementsAre("2:2 current"));
}

TEST(IdentityLifeTest, S5AReplacedGenerationServesItsTicketsForTwoMinutes) {
  ASSERT_OK_AND_ASSIGN(const Identity identity, WithNext(Renewed(Talker(), "2", kNow), Generation("3")));
  EXPECT_TRUE(Serves(identity.current(), kNow + absl::Hours(1000)));
  EXPECT_FALSE(Serves(*identity.next(), kNow));
  const KeyGeneration& old = identity.generations.front();
  EXPECT_TRUE(Serves(old, kNow));
  EXPECT_TRUE(Serves(old, kNow + absl::Seconds(120)));
  EXPECT_FALSE(Serves(old, kNow + absl::Seconds(121)));
  EXPECT_FALSE(Serves(old, kNow - absl::Hours(1)));
}

}  // namespace
}  // namespace ddskey
