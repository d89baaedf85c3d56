#include "daemon/backend/tpm2/key_blob.h"

#include <gtest/gtest.h>

#include <string>

#include "daemon/backend/tpm2/templates.h"
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
