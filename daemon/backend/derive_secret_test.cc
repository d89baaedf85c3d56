#include "daemon/backend/derive_secret.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "proto/contract/secret_access.h"
#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

SecretBytes Secret(const std::string& octets) {
  SecretBytes secret = *SecretBytes::Allocate(octets.size());
  std::copy(octets.begin(), octets.end(), secret.Reveal(SecretAccess()).begin());
  return secret;
}

std::string Hex(const SecretBytes& secret) {
  std::string hex;
  for (const uint8_t octet : secret.Reveal(SecretAccess())) {
    hex += "0123456789abcdef"[octet >> 4];
    hex += "0123456789abcdef"[octet & 15];
  }
  return hex;
}

TEST(DeriveSecretTest, IsHkdfOfRfc5869) {
  const std::unique_ptr<CryptoLibrary> library = *CryptoLibrary::Create();
  // Test case 1 of its appendix A, whose first 32 octets are these.
  const std::string salt("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c", 13);
  const std::string info("\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9", 10);
  ASSERT_OK_AND_ASSIGN(const SecretBytes derived, DeriveSecret(*library, Secret(std::string(22, '\x0b')), salt, info));
  EXPECT_EQ(Hex(derived), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
}

TEST(DeriveSecretTest, SecretIdTellsSecretsApart) {
  const std::unique_ptr<CryptoLibrary> library = *CryptoLibrary::Create();
  ASSERT_OK_AND_ASSIGN(const std::string a, SecretId(*library, Secret(std::string(32, 'a'))));
  ASSERT_OK_AND_ASSIGN(const std::string again, SecretId(*library, Secret(std::string(32, 'a'))));
  ASSERT_OK_AND_ASSIGN(const std::string b, SecretId(*library, Secret(std::string(32, 'b'))));
  EXPECT_EQ(a.size(), 8u);
  EXPECT_EQ(a, again);
  EXPECT_NE(a, b);
}

}  // namespace
}  // namespace ddskey
