#include "plugin_shim/core/peer_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/authentication_client.h"
#include "test/fakes/fake_authentication_service.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::time_t kDay = 24 * 60 * 60;
// The fake's certificates end then.
constexpr std::time_t kEnd = 4'000'000'000;

class PeerLedgerTest : public ::testing::Test {
 protected:
  static constexpr int64_t kLocal = 10;

  void SetUp() override {
    v1::ValidateLocalIdentityRequest request;
    request.set_key_name("talker");
    request.set_candidate_guid(std::string(16, '\1'));
    std::string error;
    identity_ = LocalIdentity::Validate(client_, request, seconds(20), &error);
    ASSERT_NE(identity_, nullptr) << error;
    ledger_.set_revision(1);
    ledger_.AddLocal(kLocal, identity_);
    Answer(*ledger_.Due(now_));
    ASSERT_FALSE(ledger_.Due(now_));
  }

  static v1::HandshakeResult Result(const std::string& ticket, uint64_t revision = 1,
                                    milliseconds good_for = hours(1)) {
    v1::HandshakeResult result;
    result.set_peer_ticket(ticket);
    result.set_revision(revision);
    result.set_good_for_ms(static_cast<uint64_t>(good_for.count()));
    return result;
  }

  // Answer finds everybody good but those whose ticket is `refused`.
  PeerLedger::Outcome Answer(const PeerLedger::Question& question, const std::string& refused = "") {
    v1::CheckPeersResponse answer;
    answer.set_revision(ledger_.revision());
    answer.set_not_after(kEnd);
    answer.set_good_for_ms(3'600'000);
    for (const std::string& ticket : question.tickets) {
      v1::PeerVerdict& verdict = *answer.add_verdict();
      verdict.set_outcome(ticket == refused ? v1::PeerVerdict::REFUSED : v1::PeerVerdict::GOOD);
      if (ticket == refused) verdict.set_refusal("[revoked] it is");
      verdict.set_good_for_ms(3'600'000);
    }
    return ledger_.Take(question, answer, now_);
  }

  TempDir folder_;
  FakeAuthenticationService service_{folder_.File("s")};
  AuthenticationClient client_{folder_.File("s")};
  std::shared_ptr<LocalIdentity> identity_;
  PeerLedger ledger_;
  PeerLedger::Time now_ = CallClock::now();
};

TEST_F(PeerLedgerTest, AsksAboutEverybodyOnceAfterAChange) {
  ledger_.AddPeer(kLocal, 20, Result("a"), now_);
  ledger_.AddPeer(kLocal, 21, Result("b"), now_);
  EXPECT_FALSE(ledger_.Due(now_));
  ledger_.set_revision(2);
  const auto question = ledger_.Due(now_);
  ASSERT_TRUE(question);
  EXPECT_THAT(question->tickets, ElementsAre("a", "b"));
  EXPECT_THAT(Answer(*question).dropped, IsEmpty());
  EXPECT_FALSE(ledger_.Due(now_));
}

TEST_F(PeerLedgerTest, DropsWhoIsRefusedOnceAndNobodyElse) {
  for (const auto& [handle, ticket] : {std::pair(20, "a"), {21, "b"}, {22, "c"}}) {
    ledger_.AddPeer(kLocal, handle, Result(ticket), now_);
  }
  ledger_.set_revision(2);
  const auto outcome = Answer(*ledger_.Due(now_), "b");
  ASSERT_THAT(outcome.dropped, SizeIs(1));
  EXPECT_EQ(outcome.dropped[0].first, 21);
  EXPECT_THAT(outcome.dropped[0].second, HasSubstr("ddskey:talker: the peer is dropped: [revoked] it is"));
  ledger_.set_revision(3);
  EXPECT_THAT(ledger_.Due(now_)->tickets, ElementsAre("a", "c"));
}

TEST_F(PeerLedgerTest, AsksAboutAPeerWhoseHandshakeAChangeOvertook) {
  EXPECT_TRUE(ledger_.AddPeer(kLocal, 20, Result("old", 0), now_));
  EXPECT_TRUE(ledger_.AddPeer(kLocal, 21, Result("new", 2), now_));
  EXPECT_FALSE(ledger_.AddPeer(kLocal, 22, Result("same", 1), now_));
  const auto question = ledger_.Due(now_);
  ASSERT_TRUE(question);
  EXPECT_THAT(question->tickets, ElementsAre("old", "new"));
  // An answer by a newer revision than Watch has told is an answer.
  Answer(*question);
  EXPECT_FALSE(ledger_.Due(now_));
}

TEST_F(PeerLedgerTest, AsksNobodyTwiceWhoWasJudgedByTheNewRevisionAlready) {
  ledger_.AddPeer(kLocal, 20, Result("early", 1), now_);
  ledger_.AddPeer(kLocal, 21, Result("late", 2), now_);
  ledger_.set_revision(2);
  EXPECT_THAT(ledger_.Due(now_)->tickets, ElementsAre("early"));
}

TEST_F(PeerLedgerTest, AsksWhenADateIsReached) {
  ledger_.AddPeer(kLocal, 20, Result("brief", 1, seconds(5)), now_);
  ledger_.AddPeer(kLocal, 21, Result("long"), now_);
  EXPECT_EQ(ledger_.NextDue(), now_ + seconds(5));
  EXPECT_FALSE(ledger_.Due(now_ + milliseconds(4999)));
  EXPECT_THAT(ledger_.Due(now_ + seconds(5))->tickets, ElementsAre("brief"));
}

TEST_F(PeerLedgerTest, AVerdictAboutWhoHasGoneOrAuthenticatedOnceMoreMeansNothing) {
  ledger_.AddPeer(kLocal, 20, Result("gone"), now_);
  ledger_.AddPeer(kLocal, 21, Result("before"), now_);
  ledger_.set_revision(2);
  const auto question = *ledger_.Due(now_);
  ledger_.Remove(20);
  ledger_.AddPeer(kLocal, 21, Result("after", 2), now_);
  EXPECT_THAT(Answer(question, "gone").dropped, IsEmpty());
  EXPECT_THAT(Answer(question, "before").dropped, IsEmpty());
  ledger_.Remove(kLocal);
  EXPECT_THAT(Answer(question, "before").dropped, IsEmpty());
  EXPECT_TRUE(ledger_.empty());
}

TEST_F(PeerLedgerTest, AParticipantThatIsRefusedIsDroppedWithoutItsPeers) {
  ledger_.AddPeer(kLocal, 20, Result("a"), now_);
  ledger_.set_revision(2);
  v1::CheckPeersResponse answer;
  answer.set_identity_refused("no");
  const auto outcome = ledger_.Take(*ledger_.Due(now_), answer, now_);
  ASSERT_THAT(outcome.dropped, SizeIs(1));
  EXPECT_EQ(outcome.dropped[0].first, kLocal);
  EXPECT_TRUE(ledger_.empty());
  EXPECT_FALSE(ledger_.Due(now_));
}

TEST_F(PeerLedgerTest, S17AsksAboutManyPeersInBoundedQuestions) {
  constexpr int kPeers = 200;
  for (int i = 0; i < kPeers; ++i) {
    ledger_.AddPeer(kLocal, 1000 + i, Result(std::string(i % 2 == 0 ? 10 : 16'384, 'a')), now_);
  }
  ledger_.set_revision(2);
  size_t asked = 0;
  while (const auto question = ledger_.Due(now_)) {
    size_t octets = 0;
    for (const std::string& ticket : question->tickets) octets += ticket.size();
    ASSERT_LE(question->tickets.size(), PeerLedger::kMostPeers);
    ASSERT_LE(octets, PeerLedger::kMostOctets + 16'384);
    ASSERT_FALSE(question->tickets.empty());
    asked += question->tickets.size();
    Answer(*question);
  }
  EXPECT_EQ(asked, size_t{kPeers});
}

TEST_F(PeerLedgerTest, WhatTheDaemonCouldNotTellIsAskedAgainAfterAPause) {
  ledger_.AddPeer(kLocal, 20, Result("a"), now_);
  ledger_.set_revision(2);
  v1::CheckPeersResponse answer;
  answer.set_revision(2);
  answer.set_not_after(kEnd);
  answer.set_good_for_ms(3'600'000);
  answer.add_verdict();
  EXPECT_THAT(ledger_.Take(*ledger_.Due(now_), answer, now_).dropped, IsEmpty());
  EXPECT_FALSE(ledger_.Due(now_));
  EXPECT_TRUE(ledger_.Due(now_ + PeerLedger::kPause));
}

TEST_F(PeerLedgerTest, AQuestionThatIsPutOffIsNotDueBefore) {
  ledger_.AddPeer(kLocal, 20, Result("a"), now_);
  ledger_.set_revision(2);
  EXPECT_LE(ledger_.NextDue(), now_);
  ledger_.Postpone(*ledger_.Due(now_), now_ + seconds(1));
  EXPECT_EQ(ledger_.NextDue(), now_ + seconds(1));
  EXPECT_FALSE(ledger_.Due(now_ + milliseconds(999)));
  EXPECT_TRUE(ledger_.Due(now_ + seconds(1)));
}

TEST_F(PeerLedgerTest, APeerWhoseTicketIsLostIsSaidOnceAndKept) {
  ledger_.AddPeer(kLocal, 20, Result("a"), now_);
  ledger_.set_revision(2);
  v1::CheckPeersResponse answer;
  answer.set_revision(2);
  answer.set_not_after(kEnd);
  answer.set_good_for_ms(3'600'000);
  answer.add_verdict()->set_outcome(v1::PeerVerdict::UNKNOWN_TICKET);
  const auto outcome = ledger_.Take(*ledger_.Due(now_), answer, now_);
  EXPECT_THAT(outcome.dropped, IsEmpty());
  EXPECT_THAT(outcome.warnings, ElementsAre(HasSubstr("restart this application")));
  ledger_.set_revision(3);
  EXPECT_THAT(ledger_.Due(now_)->tickets, IsEmpty());
}

TEST_F(PeerLedgerTest, WarnsOfTheOwnCertificatesEnd30And7And1DaysBeforeOnceEach) {
  EXPECT_THAT(ledger_.EndWarnings(kEnd - 31 * kDay), IsEmpty());
  EXPECT_THAT(ledger_.EndWarnings(kEnd - 30 * kDay),
              ElementsAre(HasSubstr("ends at 2096-10-02T07:06:40Z, in less than 30 days")));
  EXPECT_THAT(ledger_.EndWarnings(kEnd - 29 * kDay), IsEmpty());
  EXPECT_THAT(ledger_.EndWarnings(kEnd - 7 * kDay), ElementsAre(HasSubstr("7 days")));
  EXPECT_THAT(ledger_.EndWarnings(kEnd - 2 * kDay), IsEmpty());
  EXPECT_THAT(ledger_.EndWarnings(kEnd - kDay), ElementsAre(HasSubstr("1 day;")));
  EXPECT_THAT(ledger_.EndWarnings(kEnd - 1), IsEmpty());
  EXPECT_THAT(ledger_.EndWarnings(kEnd + 1), IsEmpty());
}

TEST_F(PeerLedgerTest, WhoBeginsLateIsWarnedOnceAndARenewedCertificateAnew) {
  EXPECT_THAT(ledger_.EndWarnings(kEnd - 3 * kDay), ElementsAre(HasSubstr("7 days")));
  ledger_.set_revision(2);
  v1::CheckPeersResponse renewed;
  renewed.set_revision(2);
  renewed.set_not_after(kEnd + 100 * kDay);
  ledger_.Take(*ledger_.Due(now_), renewed, now_);
  EXPECT_THAT(ledger_.EndWarnings(kEnd - 3 * kDay), IsEmpty());
  EXPECT_THAT(ledger_.EndWarnings(kEnd + 80 * kDay), ElementsAre(HasSubstr("30 days")));
}

}  // namespace
}  // namespace ddskey::test
