// The arithmetic of sessions against known answers; that a TPM computes the same: tpm_session_test.

#include "daemon/backend/tpm2/session_crypto.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "daemon/backend/crypto_library.h"
#include "daemon/backend/tpm2/session_salt.h"
#include "daemon/backend/tpm2/templates.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/secret_bytes.h"
#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

using test::StatusIs;

std::span<const uint8_t> Octets(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string FromHex(const std::string& hex) { return absl::HexStringToBytes(hex); }

template <typename Range>
std::string ToHex(const Range& octets) {
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(octets.data()), octets.size()));
}

// Counting is `size` octets that count up from `first`.
std::string Counting(uint8_t first, size_t size) {
  std::string octets(size, '\0');
  std::iota(octets.begin(), octets.end(), static_cast<char>(first));
  return octets;
}

class SessionCryptoTest : public ::testing::Test {
 protected:
  const std::unique_ptr<CryptoLibrary> library_ = *CryptoLibrary::Create();
  const std::unique_ptr<SessionCrypto> crypto_ = *SessionCrypto::Create(*library_);
  std::array<uint8_t, SessionCrypto::kHashSize> out_ = {};
};

TEST_F(SessionCryptoTest, DigestIsSha256OfAllParts) {
  ASSERT_OK_AND_ASSIGN(const SessionCrypto::Hash hash, crypto_->Digest({Octets("a"), {}, Octets("bc")}));
  EXPECT_EQ(ToHex(hash), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// RFC 4231, test cases 2 and 6: keys shorter and longer than a block.
TEST_F(SessionCryptoTest, HmacIsThatOfTheRfcWhateverKeyCameBefore) {
  const std::string text = "what do ya want for nothing?";
  const std::string long_text = "Test Using Larger Than Block-Size Key - Hash Key First";
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK(crypto_->Hmac(Octets("Jefe"), {Octets(text.substr(0, 5)), Octets(text.substr(5))}, out_));
    EXPECT_EQ(ToHex(out_), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    ASSERT_OK(crypto_->Hmac(Octets(std::string(131, '\xaa')), {Octets(long_text)}, out_));
    EXPECT_EQ(ToHex(out_), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  }
}

TEST_F(SessionCryptoTest, HmacTakesAnEmptyKeyAndNotTheOneBefore) {
  ASSERT_OK(crypto_->Hmac(Octets("Jefe"), {}, out_));
  ASSERT_OK(crypto_->Hmac({}, {}, out_));
  EXPECT_EQ(ToHex(out_), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

// Computed with Python's hmac: counter, label, zero, both contexts, bits.
TEST_F(SessionCryptoTest, KdfaIsThatOfTheTpm) {
  ASSERT_OK(crypto_->Kdfa(Octets(Counting(32, 32)), "CFB", Octets(std::string(32, '\x11')),
                          Octets(std::string(32, '\x22')), out_));
  EXPECT_EQ(ToHex(out_), "904972aae04b2351607c9b0628e1d72ba9532483002bf4063f5e63b107602d33");
}

// SP 800-38A, F.3.13, and an end within a block.
TEST_F(SessionCryptoTest, EncryptsInCfbMode) {
  const std::string key_and_iv = FromHex("2b7e151628aed2a6abf7158809cf4f3c000102030405060708090a0b0c0d0e0f");
  const std::string plain = FromHex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
  ASSERT_OK_AND_ASSIGN(const std::string encrypted, crypto_->Encrypt(Octets(key_and_iv), Octets(plain)));
  EXPECT_EQ(ToHex(encrypted), "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b");
  ASSERT_OK_AND_ASSIGN(const std::string part, crypto_->Encrypt(Octets(key_and_iv), Octets(plain.substr(0, 19))));
  EXPECT_EQ(part, encrypted.substr(0, 19));
  ASSERT_OK_AND_ASSIGN(const std::string again, crypto_->Decrypt(Octets(key_and_iv), Octets(part)));
  EXPECT_EQ(again, plain.substr(0, 19));
}

// Computed with Python's hashlib: counter, z, label, both parties' x.
TEST_F(SessionCryptoTest, KdfeIsThatOfTheTpm) {
  SecretBytes z = *SecretBytes::Allocate(32);
  std::iota(z.Reveal(SecretAccess()).begin(), z.Reveal(SecretAccess()).end(), 0);
  TPM2B_ECC_PARAMETER u = {};
  TPM2B_ECC_PARAMETER v = {};
  u.size = v.size = 32;
  std::fill_n(u.buffer, 32, 0x11);
  std::fill_n(v.buffer, 32, 0x22);
  ASSERT_OK_AND_ASSIGN(const SecretBytes short_one, Kdfe(*library_, "SHA256", z, u, v));
  EXPECT_EQ(ToHex(short_one.Reveal(SecretAccess())),
            "c21be073521259773cab940e5cbd0a66105a8da939b0b3ae13b7d7a37555b3e3");
  ASSERT_OK_AND_ASSIGN(const SecretBytes long_one, Kdfe(*library_, "SHA384", z, u, v));
  EXPECT_EQ(ToHex(long_one.Reveal(SecretAccess())),
            "877afccf17dbb1f9a666ad76042317140dff46e08a394d00144d894470b588e0e7a62e5cec5df17c409fea8d2098d8a1");
}

TEST_F(SessionCryptoTest, ANameIsTheHashOfThePublicAreaAsItIsSent) {
  const TPM2B_PUBLIC key = SrkTemplate();
  ASSERT_OK_AND_ASSIGN(const TPM2B_NAME name, NameOf(*library_, key));
  // Type, name algorithm, attributes, no policy, AES-128-CFB, no scheme, P-256, no KDF, x and y of zeros.
  const std::string area = FromHex(
      "0023000b000304720000"
      "000600800043"
      "0010"
      "0003"
      "0010"
      "0020" +
      std::string(64, '0') + "0020" + std::string(64, '0'));
  std::array<uint8_t, 32> hash = {};
  ASSERT_EQ(EVP_Digest(area.data(), area.size(), hash.data(), nullptr, EVP_sha256(), nullptr), 1);
  EXPECT_EQ(ToHex(std::span(name.name, name.size)), "000b" + ToHex(hash));
}

TEST_F(SessionCryptoTest, RefusesNamesOfWeakHashes) {
  TPM2B_PUBLIC key = SrkTemplate();
  key.publicArea.nameAlg = TPM2_ALG_SHA1;
  EXPECT_THAT(NameOf(*library_, key), StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_FALSE(IsUsableParent(key));
}

TEST_F(SessionCryptoTest, MakesNoSaltForAPointThatIsNotOnItsCurve) {
  TPM2B_PUBLIC key = SrkTemplate();
  key.publicArea.unique.ecc.x.buffer[31] = 1;
  EXPECT_FALSE(MakeSalt(*library_, key).ok());
}

}  // namespace
}  // namespace ddskey::tpm
