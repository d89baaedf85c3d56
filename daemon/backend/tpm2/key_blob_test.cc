#include "daemon/backend/tpm2/key_blob.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "daemon/backend/tpm2/templates.h"
#include "proto/contract/pcr_binding.h"
#include "proto/contract/pcr_policy.h"
#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

using test::StatusIs;

KeyBlob Example(bool has_auth) {
  KeyBlob blob;
  blob.parent.size = 34;
  blob.parent.name[1] = 0x0b;
  blob.has_auth = has_auth;
  if (has_auth) {
    blob.secret_id = "12345678";
    blob.salt = std::string(32, 's');
  }
  blob.public_area = KeyTemplate(KeyAlgorithm::kEcP256, KeyPurpose::kHandshake);
  blob.public_area.publicArea.unique.ecc.x.size = 32;
  blob.public_area.publicArea.unique.ecc.y.size = 32;
  blob.private_area.size = 126;
  return blob;
}

KeyBlob BoundExample() {
  KeyBlob blob = Example(true);
  PcrBinding binding;
  binding.values = {{{PcrBank::kSha1, 0}, std::string(20, '0')}, {{PcrBank::kSha256, 7}, std::string(32, '7')}};
  binding.label = "fleet";
  binding.authority = std::string(91, 'a');
  PcrValues other = binding.values;
  other[{PcrBank::kSha1, 0}] = std::string(20, 'x');
  binding.approvals.push_back({"fleet", other, std::string(70, 's')});
  blob.binding = binding;
  return blob;
}

TEST(KeyBlobTest, ReadsTheBindingThatItWrote) {
  ASSERT_OK_AND_ASSIGN(const std::string octets, SerializeBlob(BoundExample()));
  ASSERT_OK_AND_ASSIGN(const KeyBlob blob, ParseBlob(octets));
  ASSERT_TRUE(blob.binding.has_value());
  EXPECT_EQ(blob.binding->values, BoundExample().binding->values);
  EXPECT_EQ(blob.binding->label, "fleet");
  EXPECT_EQ(blob.binding->authority, std::string(91, 'a'));
  ASSERT_EQ(blob.binding->approvals.size(), 1U);
  EXPECT_EQ(blob.binding->approvals[0].values, BoundExample().binding->approvals[0].values);
  EXPECT_EQ(blob.binding->approvals[0].signature, std::string(70, 's'));
  EXPECT_EQ(blob.private_area.size, 126);
  for (size_t size = 0; size < octets.size(); ++size) {
    ASSERT_THAT(ParseBlob(octets.substr(0, size)), StatusIs(absl::StatusCode::kDataLoss)) << size;
  }
  EXPECT_THAT(ParseBlob(octets + "x"), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(KeyBlobTest, RefusesABindingThatIsWrittenOtherwise) {
  ASSERT_OK_AND_ASSIGN(const std::string octets, SerializeBlob(BoundExample()));
  // Behind "DKP1": the number of registers, then each: bank and index.
  std::string damaged = octets;
  std::swap_ranges(damaged.begin() + 5, damaged.begin() + 8, damaged.begin() + 8);
  EXPECT_THAT(ParseBlob(damaged), StatusIs(absl::StatusCode::kDataLoss)) << "registers in another order";
  damaged = octets;
  damaged[7] = 24;
  EXPECT_THAT(ParseBlob(damaged), StatusIs(absl::StatusCode::kDataLoss)) << "no such register";
  damaged = octets;
  damaged[6] = 0x12;
  EXPECT_THAT(ParseBlob(damaged), StatusIs(absl::StatusCode::kDataLoss)) << "no such bank";
  damaged = octets;
  damaged[4] = 0;
  EXPECT_THAT(ParseBlob(damaged), StatusIs(absl::StatusCode::kDataLoss)) << "no registers";
  EXPECT_THAT(ParseBlob(octets.substr(0, octets.find("DKT1")) + octets), StatusIs(absl::StatusCode::kDataLoss))
      << "bound twice";
}

TEST(KeyBlobTest, ReadsWhatItWrote) {
  for (const bool has_auth : {false, true}) {
    ASSERT_OK_AND_ASSIGN(const std::string octets, SerializeBlob(Example(has_auth)));
    ASSERT_OK_AND_ASSIGN(const KeyBlob blob, ParseBlob(octets));
    EXPECT_EQ(blob.has_auth, has_auth);
    EXPECT_EQ(blob.salt, Example(has_auth).salt);
    EXPECT_EQ(blob.secret_id, Example(has_auth).secret_id);
    EXPECT_EQ(blob.parent.size, 34);
    EXPECT_EQ(blob.private_area.size, 126);
    EXPECT_TRUE(IsFromTemplate(blob.public_area, KeyAlgorithm::kEcP256, KeyPurpose::kHandshake));
    EXPECT_EQ(*SerializeBlob(blob), octets);
  }
}

TEST(KeyBlobTest, RefusesEveryOtherLength) {
  for (const bool has_auth : {false, true}) {
    ASSERT_OK_AND_ASSIGN(const std::string octets, SerializeBlob(Example(has_auth)));
    for (size_t size = 0; size < octets.size(); ++size) {
      ASSERT_THAT(ParseBlob(octets.substr(0, size)), StatusIs(absl::StatusCode::kDataLoss)) << size;
    }
    EXPECT_THAT(ParseBlob(octets + "x"), StatusIs(absl::StatusCode::kDataLoss));
    EXPECT_THAT(ParseBlob(octets + std::string(10000, 'x')), StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(KeyBlobTest, RefusesEveryOtherWayToWriteTheSame) {
  ASSERT_OK_AND_ASSIGN(const std::string octets, SerializeBlob(Example(false)));
  // The size of TPM2B_PUBLIC, after "DKT1", the authorisation and the parent's name.
  const size_t size_at = 4 + 1 + 2 + 34;
  std::string damaged = octets;
  damaged[size_at + 1] ^= 0x40;
  EXPECT_THAT(ParseBlob(damaged), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(KeyBlobTest, RefusesAnUnknownVersionOrAuthorisation) {
  ASSERT_OK_AND_ASSIGN(std::string octets, SerializeBlob(Example(false)));
  std::string version = octets;
  version[3] = '2';
  EXPECT_THAT(ParseBlob(version), StatusIs(absl::StatusCode::kDataLoss));
  octets[4] = 2;
  EXPECT_THAT(ParseBlob(octets), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(KeyBlobTest, S1PurposeIsPartOfThePublicArea) {
  const TPM2B_PUBLIC handshake = KeyTemplate(KeyAlgorithm::kRsa2048, KeyPurpose::kHandshake);
  EXPECT_TRUE(IsFromTemplate(handshake, KeyAlgorithm::kRsa2048, KeyPurpose::kHandshake));
  EXPECT_FALSE(IsFromTemplate(handshake, KeyAlgorithm::kRsa2048, KeyPurpose::kDigest));
  EXPECT_FALSE(IsFromTemplate(handshake, KeyAlgorithm::kEcP256, KeyPurpose::kHandshake));
}

}  // namespace
}  // namespace ddskey::tpm
