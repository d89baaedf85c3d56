#include "daemon/backend/tpm2/tss_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tpm2_types.h>

#include <string>
#include <utility>

#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

using test::StatusIs;
using ::testing::HasSubstr;
using ::testing::Optional;

TEST(TssStatusTest, TheCodeSaysWhatToDoNext) {
  const std::pair<TSS2_RC, absl::StatusCode> expected[] = {
      {TPM2_RC_INITIALIZE, absl::StatusCode::kUnavailable},
      {TPM2_RC_FAILURE, absl::StatusCode::kUnavailable},
      {TPM2_RC_RETRY, absl::StatusCode::kUnavailable},
      {TPM2_RC_OBJECT_MEMORY, absl::StatusCode::kUnavailable},
      {TPM2_RC_LOCKOUT, absl::StatusCode::kResourceExhausted},
      {0x1df, absl::StatusCode::kDataLoss},
      {0x98e, absl::StatusCode::kFailedPrecondition},
      {0x9a2, absl::StatusCode::kFailedPrecondition},
      {TPM2_RC_COMMAND_CODE, absl::StatusCode::kUnimplemented},
      {0x2c4, absl::StatusCode::kInternal},
      {0xc0000 | TPM2_RC_LOCKOUT, absl::StatusCode::kResourceExhausted},
      {0xa000a, absl::StatusCode::kUnavailable},
      {0xa0008, absl::StatusCode::kUnavailable},
      {0xb0001, absl::StatusCode::kUnavailable},
      {0x70007, absl::StatusCode::kUnavailable},
      {TSS2_ESYS_RC_MEMORY, absl::StatusCode::kResourceExhausted},
      {TSS2_ESYS_RC_BAD_VALUE, absl::StatusCode::kInternal},
  };
  for (const auto& [rc, code] : expected) {
    EXPECT_THAT(FromTss(rc, "testing"), StatusIs(code)) << std::hex << rc;
  }
  EXPECT_OK(FromTss(TSS2_RC_SUCCESS, "testing"));
}

TEST(TssStatusTest, TheMessageSaysWhatWasBeingDoneAndThePayloadKeepsTheRawCode) {
  const absl::Status status = FromTss(0x1df, "loading a TPM key");
  EXPECT_THAT(std::string(status.message()), HasSubstr("loading a TPM key failed"));
  EXPECT_EQ(std::string(*status.GetPayload("ddskey/tss2-rc")), "000001df");
  EXPECT_THAT(RawTss(status), Optional(0x1dfu));
  EXPECT_EQ(RawTss(absl::InternalError("x")), std::nullopt);
}

TEST(TssStatusTest, TpmCodeIsFreeOfNumbersAndLayers) {
  EXPECT_THAT(TpmCode(0x1df), Optional(TPM2_RC_INTEGRITY));
  EXPECT_THAT(TpmCode(0x18b), Optional(TPM2_RC_HANDLE));
  EXPECT_THAT(TpmCode(0x98e), Optional(TPM2_RC_AUTH_FAIL));
  EXPECT_THAT(TpmCode(0xc0902), Optional(TPM2_RC_OBJECT_MEMORY));
  EXPECT_EQ(TpmCode(0xa000a), std::nullopt);
}

TEST(TssStatusTest, TellsWhatIsAboutSessionsAndHandlesFromWhatIsAboutParameters) {
  EXPECT_TRUE(IsAboutSession(TPM2_RC_REFERENCE_S0));
  EXPECT_TRUE(IsAboutSession(TPM2_RC_VALUE + TPM2_RC_S + TPM2_RC_1));
  EXPECT_TRUE(IsAboutSession(TPM2_RC_NONCE + TPM2_RC_S + TPM2_RC_1));
  EXPECT_TRUE(IsAboutSession(TSS2_RESMGR_TPM_RC_LAYER + TPM2_RC_HANDLE + TPM2_RC_S + TPM2_RC_1));
  EXPECT_FALSE(IsAboutSession(TPM2_RC_BAD_AUTH + TPM2_RC_S + TPM2_RC_1));
  EXPECT_FALSE(IsAboutSession(TPM2_RC_VALUE + TPM2_RC_P + TPM2_RC_1));
  EXPECT_FALSE(IsAboutSession(TPM2_RC_VALUE + TPM2_RC_1));
  EXPECT_TRUE(IsAboutHandle(TPM2_RC_VALUE + TPM2_RC_1));
  EXPECT_TRUE(IsAboutHandle(TPM2_RC_REFERENCE_H0));
  EXPECT_FALSE(IsAboutHandle(TPM2_RC_VALUE + TPM2_RC_P + TPM2_RC_1));
  EXPECT_FALSE(IsAboutHandle(TPM2_RC_SUCCESS));
  EXPECT_FALSE(IsAboutSession(TPM2_RC_SUCCESS));
}

}  // namespace
}  // namespace ddskey::tpm
