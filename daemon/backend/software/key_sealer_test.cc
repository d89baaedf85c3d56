#include "daemon/backend/software/key_sealer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "daemon/backend/key_cache.h"
#include "proto/contract/secret_access.h"
#include "test/support/status_matchers.h"

namespace ddskey::software {
namespace {

using test::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

SecretBytes Secret(char octet) {
  SecretBytes secret = *SecretBytes::Allocate(32);
  std::ranges::fill(secret.Reveal(SecretAccess()), octet);
  return secret;
}

class KeySealerTest : public ::testing::TestWithParam<KeyAlgorithm> {
 protected:
  // Number returns a component of a private key as octets.
  static std::string Number(const EVP_PKEY& key, const char* name) {
    BIGNUM* number = nullptr;
    if (EVP_PKEY_get_bn_param(&key, name, &number) != 1) return "";
    std::string octets(BN_num_bytes(number), '\0');
    BN_bn2bin(number, reinterpret_cast<uint8_t*>(octets.data()));
    BN_clear_free(number);
    return octets;
  }

  const std::unique_ptr<CryptoLibrary> library_ = *CryptoLibrary::Create();
  const std::unique_ptr<KeySealer> sealer_ = *KeySealer::Create(*library_, Secret('a'));
  const EvpKey key_ = *library_->Generate(GetParam());
  const SealedKey sealed_ = *sealer_->Seal(*key_, GetParam(), KeyPurpose::kHandshake);
};

TEST_P(KeySealerTest, OpensWhatItSealed) {
  ASSERT_OK_AND_ASSIGN(const EvpKey opened, sealer_->Unseal(sealed_));
  EXPECT_EQ(EVP_PKEY_eq(opened.get(), key_.get()), 1);
  EXPECT_EQ(*library_->PublicKeyInfo(*opened), sealed_.public_key);
}

TEST_P(KeySealerTest, NothingOfThePrivateKeyIsInTheBlob) {
  std::vector<const char*> numbers = {OSSL_PKEY_PARAM_PRIV_KEY};
  if (IsRsa(GetParam())) {
    numbers = {OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2};
  }
  for (const char* name : numbers) {
    const std::string number = Number(*key_, name);
    ASSERT_GE(number.size(), 30u) << name;
    EXPECT_THAT(sealed_.blob, Not(HasSubstr(number.substr(0, 8)))) << name;
  }
}

TEST_P(KeySealerTest, SealsEachTimeDifferently) {
  ASSERT_OK_AND_ASSIGN(const SealedKey again, sealer_->Seal(*key_, GetParam(), KeyPurpose::kHandshake));
  EXPECT_NE(again.blob.substr(12, 32), sealed_.blob.substr(12, 32));
  EXPECT_NE(again.blob.substr(44), sealed_.blob.substr(44));
}

TEST_P(KeySealerTest, RefusesABlobWithAnyOctetChanged) {
  for (size_t at = 0; at < sealed_.blob.size(); ++at) {
    SealedKey damaged = sealed_;
    damaged.blob[at] ^= 1;
    EXPECT_THAT(sealer_->Unseal(damaged), StatusIs(absl::StatusCode::kDataLoss)) << "octet " << at;
  }
}

TEST_P(KeySealerTest, RefusesABlobOfAnyOtherLength) {
  for (size_t size = 0; size < sealed_.blob.size(); ++size) {
    SealedKey damaged = sealed_;
    damaged.blob.resize(size);
    ASSERT_THAT(sealer_->Unseal(damaged), StatusIs(absl::StatusCode::kDataLoss)) << size;
  }
  for (const size_t more : {1, 16, 100000}) {
    SealedKey damaged = sealed_;
    damaged.blob.append(more, '\0');
    EXPECT_THAT(sealer_->Unseal(damaged), StatusIs(absl::StatusCode::kDataLoss)) << more;
  }
}

TEST_P(KeySealerTest, S1RefusesABlobThatWasLabelledAnew) {
  SealedKey purpose = sealed_;
  purpose.purpose = KeyPurpose::kDigest;
  EXPECT_THAT(sealer_->Unseal(purpose), StatusIs(absl::StatusCode::kDataLoss));
  SealedKey algorithm = sealed_;
  algorithm.algorithm = GetParam() == KeyAlgorithm::kEcP256 ? KeyAlgorithm::kRsa2048 : KeyAlgorithm::kEcP256;
  EXPECT_THAT(sealer_->Unseal(algorithm), StatusIs(absl::StatusCode::kDataLoss));
  SealedKey public_key = sealed_;
  public_key.public_key = *library_->PublicKeyInfo(**library_->Generate(GetParam()));
  EXPECT_THAT(sealer_->Unseal(public_key), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_P(KeySealerTest, SaysThatTheSecretIsAnother) {
  const std::unique_ptr<KeySealer> other = *KeySealer::Create(*library_, Secret('b'));
  EXPECT_THAT(other->Unseal(sealed_), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("another secret")));
}

TEST_P(KeySealerTest, TheCacheIsNoWayRoundTheLabel) {
  KeyCache cache(4);
  cache.Put(sealed_, *key_);
  EXPECT_NE(cache.Find(sealed_), nullptr);
  SealedKey relabelled = sealed_;
  relabelled.purpose = KeyPurpose::kDigest;
  EXPECT_EQ(cache.Find(relabelled), nullptr);
  relabelled = sealed_;
  relabelled.public_key += "x";
  EXPECT_EQ(cache.Find(relabelled), nullptr);
}

TEST_P(KeySealerTest, TheCacheKeepsTheKeysUsedLast) {
  KeyCache cache(2);
  std::vector<SealedKey> keys(3, sealed_);
  for (size_t i = 0; i < keys.size(); ++i) keys[i].blob = std::to_string(i);
  cache.Put(keys[0], *key_);
  cache.Put(keys[1], *key_);
  EXPECT_NE(cache.Find(keys[0]), nullptr);
  cache.Put(keys[2], *key_);
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_NE(cache.Find(keys[0]), nullptr);
  EXPECT_EQ(cache.Find(keys[1]), nullptr);
  EXPECT_NE(cache.Find(keys[2]), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Algorithms, KeySealerTest,
                         ::testing::Values(KeyAlgorithm::kEcP256, KeyAlgorithm::kEcP384, KeyAlgorithm::kRsa2048));

}  // namespace
}  // namespace ddskey::software
