#include "daemon/custodian/participant_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>

namespace ddskey {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

Subject Process(pid_t pid) { return {.uid = 1000, .gid = 1000, .groups = {}, .pid = pid, .start_time = 7}; }

Guid Participant(uint8_t number) {
  Guid guid = {};
  guid[0] = number;
  return guid;
}

constexpr std::chrono::milliseconds kPause(0);

class ParticipantBookTest : public ::testing::Test {
 protected:
  std::set<pid_t> ended_;
  ParticipantBook book_{[this](pid_t pid, uint64_t start) { return start == 7 && !ended_.contains(pid); },
                        {.participants = 4, .participants_per_process = 3, .pause = kPause}};
};

TEST_F(ParticipantBookTest, CountsEachParticipantOnceUnderTheGenerationItBeganWith) {
  book_.Note(Process(1), Participant(1), "first");
  book_.Note(Process(1), Participant(1), "first");
  book_.Note(Process(1), Participant(2), "second");
  book_.Note(Process(2), Participant(1), "first");
  EXPECT_THAT(book_.Counts(), UnorderedElementsAre(Pair("first", 2), Pair("second", 1)));
}

TEST_F(ParticipantBookTest, ForgetsTheParticipantsOfAProcessThatEnded) {
  book_.Note(Process(1), Participant(1), "first");
  book_.Note(Process(2), Participant(2), "first");
  ended_ = {1};
  EXPECT_THAT(book_.Counts(), UnorderedElementsAre(Pair("first", 1)));
  ended_ = {1, 2};
  EXPECT_THAT(book_.Counts(), IsEmpty());
}

TEST_F(ParticipantBookTest, S17AProcessCannotFillItAlone) {
  for (uint8_t i = 0; i < 100; ++i) book_.Note(Process(1), Participant(i), "first");
  EXPECT_THAT(book_.Counts(), UnorderedElementsAre(Pair("first", 3)));
  book_.Note(Process(2), Participant(1), "first");
  EXPECT_THAT(book_.Counts(), UnorderedElementsAre(Pair("first", 4)));
}

TEST_F(ParticipantBookTest, MakesRoomWhenAProcessEnded) {
  for (pid_t pid = 1; pid <= 5; ++pid) book_.Note(Process(pid), Participant(1), "first");
  EXPECT_THAT(book_.Counts(), UnorderedElementsAre(Pair("first", 4)));
  ended_ = {1, 2};
  book_.Note(Process(5), Participant(1), "second");
  EXPECT_THAT(book_.Counts(), UnorderedElementsAre(Pair("first", 2), Pair("second", 1)));
}

TEST_F(ParticipantBookTest, CountsParticipantsAndProcessesThatLive) {
  book_.Note(Process(1), Participant(1), "first");
  book_.Note(Process(1), Participant(2), "first");
  book_.Note(Process(2), Participant(1), "second");
  EXPECT_EQ(book_.CountAll().participants, 3u);
  EXPECT_EQ(book_.CountAll().processes, 2u);
  ended_ = {1};
  EXPECT_EQ(book_.CountAll().participants, 1u);
  EXPECT_EQ(book_.CountAll().processes, 1u);
}

TEST(ParticipantBookPauseTest, S17AFullBookAsksTheKernelOnlyNowAndThen) {
  int asked = 0;
  ParticipantBook book([&asked](pid_t, uint64_t) { return ++asked > 0; },
                       {.participants = 1, .participants_per_process = 1, .pause = std::chrono::hours(1)});
  for (pid_t pid = 1; pid <= 100; ++pid) book.Note(Process(pid), Participant(1), "u-1");
  EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace ddskey
