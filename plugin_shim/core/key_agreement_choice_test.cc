#include "plugin_shim/core/key_agreement_choice.h"

#include <gtest/gtest.h>

namespace ddskey {
namespace {

TEST(KeyAgreementChoiceTest, ReadsItsOwnValues) {
  EXPECT_EQ(ParseKeyAgreement("AUTO"), v1::KEY_AGREEMENT_CHOICE_UNSPECIFIED);
  EXPECT_EQ(ParseKeyAgreement("ECDH"), v1::KEY_AGREEMENT_CHOICE_ECDH);
  EXPECT_EQ(ParseKeyAgreement("DH"), v1::KEY_AGREEMENT_CHOICE_DH);
  EXPECT_EQ(ParseKeyAgreement("ECDH-ONLY"), v1::KEY_AGREEMENT_CHOICE_ECDH_ONLY);
  EXPECT_EQ(ParseKeyAgreement("DH-ONLY"), v1::KEY_AGREEMENT_CHOICE_DH_ONLY);
}

TEST(KeyAgreementChoiceTest, ReadsTheNamesOfTheSpecificationsAndSmallLetters) {
  for (const char* name : {"ecdh", "ECDH+prime256v1-CEUM", "ECDHE-CEUM+P256"}) {
    EXPECT_EQ(ParseKeyAgreement(name), v1::KEY_AGREEMENT_CHOICE_ECDH) << name;
  }
  for (const char* name : {"dh", "DH+MODP-2048-256", "DHE+MODP-2048-256"}) {
    EXPECT_EQ(ParseKeyAgreement(name), v1::KEY_AGREEMENT_CHOICE_DH) << name;
  }
}

TEST(KeyAgreementChoiceTest, RefusesEverythingElse) {
  for (const char* name : {"", " ECDH", "ECDHE-CEUM+P384", "X25519", "RSA", "DH,ECDH", "only"}) {
    EXPECT_EQ(ParseKeyAgreement(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace ddskey
