#include "daemon/backend/pkcs11/token_blob.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "test/support/status_matchers.h"

namespace ddskey::pkcs11 {
namespace {

using test::StatusIs;

TokenBlob Sample() {
  return {KeyAlgorithm::kRsa3072, KeyPurpose::kDigest, "id", std::string(32, 't'), std::string(32, 'p')};
}

TEST(TokenBlobTest, ReadsWhatItWrote) {
  ASSERT_OK_AND_ASSIGN(const TokenBlob blob, ParseBlob(FormatBlob(Sample())));
  EXPECT_EQ(blob.algorithm, KeyAlgorithm::kRsa3072);
  EXPECT_EQ(blob.purpose, KeyPurpose::kDigest);
  EXPECT_EQ(blob.id, "id");
  EXPECT_EQ(blob.token, std::string(32, 't'));
  EXPECT_EQ(blob.public_key, std::string(32, 'p'));
}

TEST(TokenBlobTest, RefusesWhatIsDamagedCutOrLonger) {
  const std::string good = FormatBlob(Sample());
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] ^= 1;
    EXPECT_THAT(ParseBlob(bad), StatusIs(absl::StatusCode::kDataLoss)) << at;
    EXPECT_THAT(ParseBlob(good.substr(0, at)), StatusIs(absl::StatusCode::kDataLoss)) << at;
  }
  EXPECT_THAT(ParseBlob(good + "x"), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(TokenBlobTest, S1RefusesAlgorithmsPurposesAndIdsThatThereAreNot) {
  TokenBlob blob = Sample();
  blob.purpose = KeyPurpose::kDerive;
  EXPECT_THAT(ParseBlob(FormatBlob(blob)), StatusIs(absl::StatusCode::kDataLoss));
  blob = Sample();
  blob.algorithm = static_cast<KeyAlgorithm>(9);
  EXPECT_THAT(ParseBlob(FormatBlob(blob)), StatusIs(absl::StatusCode::kDataLoss));
  for (const size_t size : {0, 65}) {
    blob = Sample();
    blob.id = std::string(size, 'i');
    EXPECT_THAT(ParseBlob(FormatBlob(blob)), StatusIs(absl::StatusCode::kDataLoss)) << size;
  }
}

TEST(TokenBlobTest, TokensThatDifferInAnythingOfTheirNameAreDifferent) {
  std::set<std::string> identities;
  const auto add = [&](const std::string& label, const std::string& manufacturer, const std::string& model,
                       const std::string& serial) {
    TokenState state;
    state.label = label;
    state.manufacturer = manufacturer;
    state.model = model;
    state.serial = serial;
    identities.insert(IdentityOf(state));
  };
  add("l", "m", "o", "s");
  add("x", "m", "o", "s");
  add("l", "x", "o", "s");
  add("l", "m", "x", "s");
  add("l", "m", "o", "x");
  add("ls", "m", "o", "");
  add("", "m", "o", "ls");
  EXPECT_EQ(identities.size(), 7U);
  TokenState updated;
  updated.label = "l";
  updated.manufacturer = "m";
  updated.model = "o";
  updated.serial = "s";
  updated.firmware = "2.7";
  EXPECT_TRUE(identities.contains(IdentityOf(updated))) << "new firmware is no new token";
}

}  // namespace
}  // namespace ddskey::pkcs11
