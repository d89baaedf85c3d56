#include "daemon/backend/tpm2/import_wrapping.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "daemon/backend/tpm2/templates.h"
#include "daemon/backend/tpm2/tss2_key_file.h"
#include "proto/contract/secret_access.h"
#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

constexpr KeyAlgorithm kAlgorithms[] = {KeyAlgorithm::kEcP256, KeyAlgorithm::kEcP384, KeyAlgorithm::kRsa2048,
                                        KeyAlgorithm::kRsa3072};

TEST(ImportWrappingTest, S11AnImportedKeyShowsThatItsTpmDidNotMakeIt) {
  for (const KeyAlgorithm algorithm : kAlgorithms) {
    const TPMA_OBJECT attributes = ImportTemplate(algorithm, KeyPurpose::kHandshake).publicArea.objectAttributes;
    EXPECT_EQ(attributes & (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN), 0U);
    EXPECT_EQ(attributes & (TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT), 0U);
    EXPECT_NE(attributes & TPMA_OBJECT_NODA, 0U);
  }
}

TEST(ImportWrappingTest, S1AKeyIsOfOneKindAndOnePurpose) {
  for (const KeyAlgorithm algorithm : kAlgorithms) {
    for (const KeyPurpose purpose : {KeyPurpose::kHandshake, KeyPurpose::kDigest}) {
      const KeyPurpose other = purpose == KeyPurpose::kDigest ? KeyPurpose::kHandshake : KeyPurpose::kDigest;
      const TPM2B_PUBLIC imported = ImportTemplate(algorithm, purpose);
      EXPECT_TRUE(IsFromImportTemplate(imported, algorithm, purpose));
      EXPECT_FALSE(IsFromImportTemplate(imported, algorithm, other));
      EXPECT_FALSE(IsFromTemplate(imported, algorithm, purpose));
      EXPECT_FALSE(IsFromImportTemplate(KeyTemplate(algorithm, purpose), algorithm, purpose));
      EXPECT_FALSE(CheckTss2PublicArea(imported).ok()) << "it is of no key file";
    }
  }
}

// The private part is in the duplicate, and so under a key that a session encrypts.
TEST(ImportWrappingTest, WrapsAnewEachTimeAndKeepsTheAuthorisationValueInside) {
  const auto library = *CryptoLibrary::Create();
  const std::string value = "authorisation value of 32 octets";
  SecretBytes auth = *SecretBytes::Allocate(value.size());
  std::ranges::copy(value, auth.Reveal(SecretAccess()).begin());
  for (const KeyAlgorithm algorithm : kAlgorithms) {
    PrivateKey key{*library->Generate(algorithm), algorithm};
    ASSERT_OK_AND_ASSIGN(const WrappedKey first, WrapForImport(*library, key, KeyPurpose::kDigest, &auth));
    ASSERT_OK_AND_ASSIGN(const WrappedKey second, WrapForImport(*library, key, KeyPurpose::kDigest, &auth));
    EXPECT_TRUE(IsFromImportTemplate(first.public_area, algorithm, KeyPurpose::kDigest));
    ASSERT_EQ(first.symmetric.size, 16);
    ASSERT_EQ(first.duplicate.size, second.duplicate.size);
    EXPECT_FALSE(std::equal(first.symmetric.buffer, first.symmetric.buffer + 16, second.symmetric.buffer));
    EXPECT_FALSE(
        std::equal(first.duplicate.buffer, first.duplicate.buffer + first.duplicate.size, second.duplicate.buffer));
    const std::string sealed(first.duplicate.buffer, first.duplicate.buffer + first.duplicate.size);
    EXPECT_EQ(sealed.find(value), std::string::npos);
  }
}

}  // namespace
}  // namespace ddskey::tpm
