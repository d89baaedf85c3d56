#include "daemon/handshake/participant_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using ::ddskey::test::IsOk;
using ::ddskey::test::StatusIs;
using ::testing::StartsWith;

constexpr std::string_view kGuid = "0123456789abcdef";

std::string BigEndian(const std::string& parameters) { return std::string("\0\2\0\0", 4) + parameters; }
std::string GuidParameter() { return std::string("\0\x50\0\x10", 4) + std::string(kGuid); }
std::string DomainParameter() { return std::string("\0\x0f\0\4\0\0\0\x4d", 8); }
std::string Sentinel() { return std::string("\0\1\0\0", 4); }

void ExpectRefused(std::string_view octets) {
  EXPECT_THAT(ParseParticipantData(octets), StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("[c.pdata]")));
}

TEST(ParticipantDataTest, ReadsGuidAndDomainOfEitherByteOrder) {
  ASSERT_OK_AND_ASSIGN(const ParticipantData big,
                       ParseParticipantData(BigEndian(DomainParameter() + GuidParameter() + Sentinel())));
  EXPECT_EQ(GuidOctets(big.guid), kGuid);
  EXPECT_EQ(big.domain_id, 77U);
  const std::string little =
      std::string("\0\3\0\0\x0f\0\4\0\x4d\0\0\0\x50\0\x10\0", 16) + std::string(kGuid) + std::string("\1\0\0\0", 4);
  ASSERT_OK_AND_ASSIGN(const ParticipantData data, ParseParticipantData(little));
  EXPECT_EQ(GuidOctets(data.guid), kGuid);
  EXPECT_EQ(data.domain_id, 77U);
}

TEST(ParticipantDataTest, ReadsABareListAsCycloneAndFastDdsSendIt) {
  ASSERT_OK_AND_ASSIGN(const ParticipantData data, ParseParticipantData(GuidParameter() + Sentinel()));
  EXPECT_EQ(GuidOctets(data.guid), kGuid);
  EXPECT_FALSE(data.domain_id.has_value());
}

TEST(ParticipantDataTest, ReadsParametersThatMustBeUnderstood) {
  const std::string marked = std::string("\x40\x50\0\x10", 4) + std::string(kGuid);
  EXPECT_THAT(ParseParticipantData(BigEndian(marked + Sentinel())), IsOk());
}

TEST(ParticipantDataTest, RefusesEveryTruncation) {
  const std::string whole = BigEndian(DomainParameter() + GuidParameter() + Sentinel());
  for (size_t size = 0; size < whole.size() - 2; ++size) ExpectRefused(std::string_view(whole).substr(0, size));
}

TEST(ParticipantDataTest, RefusesAmbiguousOrForeignData) {
  ExpectRefused(BigEndian(Sentinel()));
  ExpectRefused(BigEndian(GuidParameter() + GuidParameter() + Sentinel()));
  ExpectRefused(BigEndian(GuidParameter() + DomainParameter() + DomainParameter() + Sentinel()));
  ExpectRefused(std::string("\0\1\0\0", 4) + GuidParameter() + Sentinel());
  ExpectRefused("not a parameter list");
}

TEST(ParticipantDataTest, AdjustsGuidsAsTheSpecificationSays) {
  Guid candidate = {};
  candidate[15] = 0xc1;
  const Guid adjusted = AdjustedGuid("subject", candidate);
  EXPECT_EQ(adjusted[0] & 0x80, 0x80);
  EXPECT_EQ(adjusted[15], 0xc1);
  EXPECT_THAT(CheckSubjectHash(adjusted, "subject"), IsOk());
  // SHA-256("abc") begins with ba 78 16 bf 8f 01: its first 47 bits behind a set bit.
  const Guid known = AdjustedGuid("abc", candidate);
  const Guid expected = {0xdd, 0x3c, 0x0b, 0x5f, 0xc7, 0x80};
  EXPECT_TRUE(std::equal(known.begin(), known.begin() + 6, expected.begin()));
}

TEST(ParticipantDataTest, S7RefusesAGuidOfAnotherSubject) {
  const Guid adjusted = AdjustedGuid("subject", Guid());
  for (size_t bit = 0; bit < 48; ++bit) {
    Guid altered = adjusted;
    altered[bit / 8] ^= static_cast<uint8_t>(0x80 >> bit % 8);
    EXPECT_THAT(CheckSubjectHash(altered, "subject"),
                StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("[guid_subject]")));
  }
}

}  // namespace
}  // namespace ddskey
