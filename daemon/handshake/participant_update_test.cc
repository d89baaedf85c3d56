#include "daemon/handshake/participant_update.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "daemon/handshake/handshake_fixture.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using ::ddskey::test::IsOkAndHolds;
using ::ddskey::test::StatusIs;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ParticipantUpdateTest : public HandshakeTest {
 protected:
  absl::StatusOr<std::string> Octets(const std::string& data, uint64_t revision = 1) const {
    return ParticipantUpdateOctets(alice_.local.guid, kDomain, {data, revision});
  }
  const std::string data_ = ParticipantDataOf(alice_.local.guid);
};

TEST_F(ParticipantUpdateTest, IsPrefixGuidDomainRevisionAndData) {
  EXPECT_THAT(Octets(data_, 0x0102030405060708),
              IsOkAndHolds(std::string("ddskey/participant-data/1\0", 26) + GuidOctets(alice_.local.guid) +
                           std::string("\0\0\0\x4d\1\2\3\4\5\6\7\x08", 12) + data_));
}

TEST_F(ParticipantUpdateTest, S1BeginsLikeNoHandshakeMessageAndNoCertificationRequest) {
  ASSERT_OK_AND_ASSIGN(const std::string octets, Octets(data_));
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  ASSERT_OK_AND_ASSIGN(const HandshakeState replier, Reply(request.token));
  EXPECT_EQ(octets[0], 'd');
  for (const std::string& other : {ReplyTranscript(replier), FinalTranscript(replier)}) EXPECT_EQ(other[0], '\0');
  // A certification request is a SEQUENCE.
  EXPECT_NE(octets[0], '\x30');
}

TEST_F(ParticipantUpdateTest, S1TheDataOfAParticipantCannotMakeItsOctetsThoseOfAHandshake) {
  // Whatever the caller chooses comes behind 54 octets that the daemon chose.
  ASSERT_OK_AND_ASSIGN(const RequestStep request, BeginRequest(alice_.local, alice_offer_));
  ASSERT_OK_AND_ASSIGN(const HandshakeState replier, Reply(request.token));
  EXPECT_THAT(Octets(ReplyTranscript(replier)), StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_OK_AND_ASSIGN(const std::string octets, Octets(data_ + ReplyTranscript(replier)));
  EXPECT_THAT(octets, StartsWith(std::string(kParticipantUpdatePrefix)));
}

TEST_F(ParticipantUpdateTest, DiffersWithEveryField) {
  ASSERT_OK_AND_ASSIGN(const std::string octets, Octets(data_));
  EXPECT_THAT(Octets(data_, 2), IsOkAndHolds(::testing::Ne(octets)));
  EXPECT_THAT(Octets(data_ + "x"), IsOkAndHolds(::testing::Ne(octets)));
  const std::string without_domain = data_.substr(0, 4) + data_.substr(12);
  const auto in = [&](uint32_t domain) {
    return ParticipantUpdateOctets(alice_.local.guid, domain, {without_domain, 1}).value_or("refused");
  };
  EXPECT_NE(in(kDomain), in(kDomain + 1));
}

TEST_F(ParticipantUpdateTest, S7RefusesTheDataOfAnotherParticipantOrDomain) {
  EXPECT_THAT(Octets(ParticipantDataOf(bob_.local.guid)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another GUID")));
  EXPECT_THAT(Octets(ParticipantDataOf(alice_.local.guid, kDomain + 1)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another domain")));
}

TEST_F(ParticipantUpdateTest, RefusesWhatIsNoParticipantDataAndNoRevision) {
  EXPECT_THAT(Octets(""), StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("[c.pdata]")));
  EXPECT_THAT(Octets(std::string(32, 'd')), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Octets(data_, 0), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("revision")));
}

}  // namespace
}  // namespace ddskey
