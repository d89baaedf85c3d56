// Sessions and authorisation values as a real TPM sees them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tpm2_types.h>

#include <string>
#include <vector>

#include "daemon/backend/tpm2/tpm_connection.h"
#include "daemon/backend/tpm2/tpm_fixture.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

using test::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

class TpmSessionTest : public TpmFixture {
 protected:
  void GiveOwnerAuth(const std::string& value) {
    adjust_ = [value](TpmBackend::Options& options) { options.parent_auth.owner = Secret(value); };
  }
  void GiveStorageRootAuth(const std::string& value) {
    adjust_ = [value](TpmBackend::Options& options) { options.parent_auth.storage_root = Secret(value); };
  }
};

TEST_F(TpmSessionTest, OneSessionServesAllKeysAndCommands) {
  Make(dir_.File("secret"));
  for (int i = 0; i < 5; ++i) {
    ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
    ASSERT_OK(Sign(key, i));
    ASSERT_OK(Sign(key, i + 1));
  }
  EXPECT_EQ(tap_->count(TPM2_CC_StartAuthSession), 1);
}

TEST_F(TpmSessionTest, IsSaltedToAnRsaStorageRootToo) {
  ASSERT_TRUE(MakeStorageRoot());
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  EXPECT_OK(Sign(key));
  EXPECT_EQ(tap_->count(TPM2_CC_CreatePrimary), 0);
}

TEST_F(TpmSessionTest, IsSaltedToAStorageRootWhoseNameIsOfSha384) {
  ASSERT_TRUE(MakeStorageRoot(kStorageAttributes, {"-G", "ecc384:aes256cfb", "-g", "sha384"}));
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  EXPECT_OK(Sign(key));
  EXPECT_EQ(tap_->count(TPM2_CC_CreatePrimary), 0);
}

TEST_F(TpmSessionTest, StartsAnotherWhenSomebodyFlushedIt) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  ASSERT_OK(Sign(key));
  ASSERT_EQ(Tool({"tpm2_flushcontext", "-l"}), 0);
  EXPECT_OK(Sign(key));
  ASSERT_EQ(Tool({"tpm2_flushcontext", "-l"}), 0);
  EXPECT_OK(Create());
  EXPECT_EQ(tap_->count(TPM2_CC_StartAuthSession), 3);
}

TEST_F(TpmSessionTest, FlushesSessionsThatADeadProgramLeft) {
  const Tcti tcti = *LoaderOpener(*LoaderString(tpm_.tcti()))();
  ESYS_CONTEXT* esys = nullptr;
  ASSERT_EQ(Esys_Initialize(&esys, tcti.get(), nullptr), TSS2_RC_SUCCESS);
  const TPMT_SYM_DEF none = {.algorithm = TPM2_ALG_NULL, .keyBits = {}, .mode = {}};
  for (int i = 0; i < 3; ++i) {
    ESYS_TR session = ESYS_TR_NONE;
    ASSERT_EQ(Esys_StartAuthSession(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, nullptr,
                                    TPM2_SE_HMAC, &none, TPM2_ALG_SHA256, &session),
              TSS2_RC_SUCCESS);
  }
  Esys_Finalize(&esys);
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  EXPECT_OK(Sign(key));
}

TEST_F(TpmSessionTest, ShowsTheNameOfTheStorageRootAsTheTpmsToolsDo) {
  ASSERT_TRUE(MakeStorageRoot());
  std::string shown;
  ASSERT_EQ(test::Run({"tpm2_readpublic", "-T", tpm_.tcti(), "-c", "0x81000001"}, &shown), 0);
  ASSERT_THAT(shown, HasSubstr("name: 000b"));
  const std::string name = shown.substr(shown.find("name: ") + 6, 68);
  adjust_ = [name](TpmBackend::Options& options) { options.storage_root_name = name; };
  Make();
  ASSERT_OK(Create());
  EXPECT_THAT(backend_->Health().device, HasSubstr("storage root key " + name + " (as configured)"));
}

TEST_F(TpmSessionTest, RefusesNewKeysUnderAnotherStorageRootThanTheConfiguredOneOrThatOfTheKeys) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  adjust_ = [](TpmBackend::Options& options) { options.storage_root_name = "000b" + std::string(64, 'a'); };
  Make();
  EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("storage_root_name")));
  EXPECT_OK(Sign(key)) << "a key names its own parent";

  // Somebody puts a storage root there: new keys go on being made under the parent that is known.
  backend_.reset();
  ASSERT_TRUE(MakeStorageRoot());
  adjust_ = [&key](TpmBackend::Options& options) { options.blobs = {"damaged", key.blob}; };
  Make();
  ASSERT_OK(Create());
  backend_.reset();
  ASSERT_EQ(Tool({"tpm2_changeauth", "-c", "o", "x"}), 0);
  Make();
  EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("storage_root_name")));
}

TEST_F(TpmSessionTest, S12UsesTheOwnersAuthorisationValue) {
  ASSERT_EQ(Tool({"tpm2_changeauth", "-c", "o", "owner password"}), 0);
  GiveOwnerAuth("owner password");
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  EXPECT_OK(Sign(key));
  EXPECT_TRUE(backend_->Health().healthy) << backend_->Health().problem;
}

TEST_F(TpmSessionTest, S12TriesAWrongOwnerAuthorisationOnce) {
  ASSERT_EQ(Tool({"tpm2_changeauth", "-c", "o", "owner password"}), 0);
  GiveOwnerAuth("guess");
  Make("", std::chrono::milliseconds(10));
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ddskeyd.tpm2-owner-auth")));
  }
  EXPECT_EQ(tap_->count(TPM2_CC_CreatePrimary), 1);
  EXPECT_FALSE(backend_->Health().healthy);
}

TEST_F(TpmSessionTest, S12UsesTheAuthorisationValueOfTheStorageRootWithoutItsTrailingZeros) {
  ASSERT_TRUE(MakeStorageRoot(kStorageAttributes, {"-p", "hex:70610000"}));
  GiveStorageRootAuth(std::string("pa\0\0\0", 5));
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  EXPECT_OK(Sign(key));
  EXPECT_EQ(tap_->count(TPM2_CC_CreatePrimary), 0);

  adjust_ = nullptr;
  Make(dir_.File("secret"));
  EXPECT_THAT(Sign(key), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ddskeyd.tpm2-parent-auth")));
  const int loads = tap_->count(TPM2_CC_Load);
  EXPECT_THAT(Sign(key), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(tap_->count(TPM2_CC_Load), loads) << "what the TPM refused is not tried again";
}

TEST_F(TpmSessionTest, S12KeysWhoseValueEndsInZerosWork) {
  // One value in 256 does; that many keys are made, and the session must agree with the TPM about each.
  Make(dir_.File("secret"));
  for (int i = 0; i < 300; ++i) {
    ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
    ASSERT_OK(Sign(key, i % 100)) << i;
  }
}

}  // namespace
}  // namespace ddskey::tpm
