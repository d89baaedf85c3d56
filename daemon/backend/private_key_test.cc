#include "daemon/backend/private_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "proto/contract/secret_access.h"
#include "test/support/pki.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using ::ddskey::test::StatusIs;
using ::ddskey::test::TestKey;
using ::ddskey::test::TestKeyType;
using ::testing::HasSubstr;

SecretBytes Secret(const std::string& octets) {
  SecretBytes secret = *SecretBytes::Allocate(octets.size());
  std::ranges::copy(octets, secret.Reveal(SecretAccess()).begin());
  return secret;
}

std::string Pkcs8(const TestKey& key) {
  PKCS8_PRIV_KEY_INFO* const info = EVP_PKEY2PKCS8(key.get());
  uint8_t* der = nullptr;
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
  std::string octets(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  PKCS8_PRIV_KEY_INFO_free(info);
  return octets;
}

class PrivateKeyTest : public ::testing::Test {
 protected:
  absl::StatusOr<PrivateKey> Parse(const std::string& der) { return ParsePrivateKey(*library_, Secret(der)); }

  const std::unique_ptr<CryptoLibrary> library_ = *CryptoLibrary::Create();
};

TEST_F(PrivateKeyTest, ReadsEveryAlgorithm) {
  const std::pair<TestKeyType, KeyAlgorithm> kKinds[] = {{TestKeyType::kEcP256, KeyAlgorithm::kEcP256},
                                                         {TestKeyType::kEcP384, KeyAlgorithm::kEcP384},
                                                         {TestKeyType::kRsa2048, KeyAlgorithm::kRsa2048},
                                                         {TestKeyType::kRsa3072, KeyAlgorithm::kRsa3072}};
  for (const auto& [type, algorithm] : kKinds) {
    const TestKey key = TestKey::Generate(type);
    ASSERT_OK_AND_ASSIGN(const PrivateKey parsed, Parse(Pkcs8(key)));
    EXPECT_EQ(parsed.algorithm, algorithm);
    EXPECT_EQ(EVP_PKEY_eq(parsed.key.get(), key.get()), 1);
  }
}

TEST_F(PrivateKeyTest, S1OneKeyHasOnePublicKeyHoweverItsFileWritesThePoint) {
  const TestKey key = TestKey::Generate();
  const std::string usual = Pkcs8(key);
  ASSERT_EQ(EVP_PKEY_set_utf8_string_param(key.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                           OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_COMPRESSED),
            1);
  const std::string compressed = Pkcs8(key);
  ASSERT_LT(compressed.size(), usual.size());
  ASSERT_OK_AND_ASSIGN(const PrivateKey one, Parse(usual));
  ASSERT_OK_AND_ASSIGN(const PrivateKey same, Parse(compressed));
  EXPECT_EQ(library_->PublicKeyInfo(*same.key).value(), library_->PublicKeyInfo(*one.key).value());
}

TEST_F(PrivateKeyTest, S13RefusesKeysThatNobodyShouldUse) {
  for (const TestKeyType type : {TestKeyType::kRsa1024, TestKeyType::kRsaExponent3, TestKeyType::kEcP521,
                                 TestKeyType::kEcExplicit, TestKeyType::kEd25519, TestKeyType::kRsa4096}) {
    EXPECT_THAT(Parse(Pkcs8(TestKey::Generate(type))), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST_F(PrivateKeyTest, RefusesAKeyWhosePartsDoNotBelongTogether) {
  std::string der = Pkcs8(TestKey::Generate());
  const std::string other = Pkcs8(TestKey::Generate());
  // The private number stands at the same place in both.
  const size_t at = der.find(std::string("\x04\x20", 2)) + 2;
  der.replace(at, 32, other, at, 32);
  EXPECT_THAT(Parse(der), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("belong")));
}

TEST_F(PrivateKeyTest, RefusesEverythingElse) {
  const std::string der = Pkcs8(TestKey::Generate());
  for (const std::string& other : {std::string("x"), der + "x", der.substr(0, der.size() - 1), std::string(16384, '0'),
                                   TestKey::Generate().pem()}) {
    EXPECT_THAT(Parse(other), StatusIs(absl::StatusCode::kInvalidArgument)) << other.size();
  }
}

}  // namespace
}  // namespace ddskey
