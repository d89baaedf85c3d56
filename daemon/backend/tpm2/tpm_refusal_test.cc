// What becomes of authorisation values that the TPM refuses: each is tried once, whatever comes after (S-12).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tpm2_types.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/backend/tpm2/key_blob.h"
#include "daemon/backend/tpm2/tpm_fixture.h"
#include "daemon/backend/tpm2/tss2_key_file.h"
#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

using test::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr auto kRefused = absl::StatusCode::kFailedPrecondition;

class TpmRefusalTest : public TpmFixture {
 protected:
  void SetUp() override {
    tap_->SetChange([this](TPM2_CC, std::span<uint8_t> answer) {
      // TPM 2.0 Part 1, 18: tag, size, code.
      const TPM2_RC code = answer[6] << 24 | answer[7] << 16 | answer[8] << 8 | answer[9];
      const TPM2_RC kind = code & (TPM2_RC_FMT1 | 0x3f);
      if ((code & TPM2_RC_FMT1) != 0 && (kind == TPM2_RC_BAD_AUTH || kind == TPM2_RC_AUTH_FAIL)) ++refusals_;
    });
  }
  // The TPM's own count of failures that lead to its lockout.
  std::string Counted() {
    std::string state;
    test::Run({"tpm2_getcap", "-T", tpm_.tcti(), "properties-variable"}, &state);
    const size_t at = state.find("TPM2_PT_LOCKOUT_COUNTER: ");
    return at == std::string::npos ? state : state.substr(at, state.find('\n', at) - at);
  }
  // KeyFile is that of a key whose refusals count for the lockout, made by another program; it says that the key has no
  // password.
  std::string KeyFile(const std::vector<std::string>& password) {
    const std::string part = dir_.File("public");
    const std::string sealed = dir_.File("private");
    std::vector<std::string> create = {"tpm2_create",
                                       "-C",
                                       "0x81000001",
                                       "-G",
                                       "ecc256",
                                       "-a",
                                       "sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth",
                                       "-u",
                                       part,
                                       "-r",
                                       sealed};
    create.insert(create.end(), password.begin(), password.end());
    EXPECT_EQ(Tool(create), 0);
    EXPECT_EQ(Tool({"tpm2_flushcontext", "-t"}), 0);
    Tss2KeyFile file;
    file.empty_auth = true;
    file.parent = 0x81000001;
    const std::string public_octets = test::ReadFile(part);
    const std::string private_octets = test::ReadFile(sealed);
    EXPECT_EQ(Tss2_MU_TPM2B_PUBLIC_Unmarshal(reinterpret_cast<const uint8_t*>(public_octets.data()),
                                             public_octets.size(), nullptr, &file.public_area),
              TSS2_RC_SUCCESS);
    EXPECT_EQ(Tss2_MU_TPM2B_PRIVATE_Unmarshal(reinterpret_cast<const uint8_t*>(private_octets.data()),
                                              private_octets.size(), nullptr, &file.private_area),
              TSS2_RC_SUCCESS);
    return *FormatTss2KeyFile(file);
  }
  absl::StatusOr<SealedKey> Import(const std::string& file) {
    std::promise<absl::StatusOr<SealedKey>> made;
    backend_->SubmitImport({.private_key = nullptr, .tss2_key = file, .tss2_auth = nullptr}, KeyPurpose::kHandshake,
                           In(std::chrono::minutes(1)),
                           [&](absl::StatusOr<SealedKey> key) { made.set_value(std::move(key)); });
    return made.get_future().get();
  }
  void LockAt(int failures) {
    ASSERT_EQ(Tool({"tpm2_dictionarylockout", "--setup-parameters", absl::StrCat("--max-tries=", failures),
                    "--recovery-time=3600", "--lockout-recovery-time=60"}),
              0);
  }
  // Works asks for some at once, so that they queue behind each other, and returns what became of them.
  std::vector<absl::Status> Works(const SealedKey& key) {
    std::vector<SignFuture> works;
    for (int i = 0; i < 10; ++i) works.push_back(Submit(key, i));
    std::vector<absl::Status> ends;
    for (SignFuture& work : works) ends.push_back(work.get().status());
    return ends;
  }

  std::atomic<int> refusals_ = 0;
};

TEST_F(TpmRefusalTest, S12AWrongValueOfTheStorageRootIsTriedOnce) {
  ASSERT_TRUE(MakeStorageRoot(kStorageAttributes, {"-p", "right"}));
  const auto parent_auth = [this](const char* value) {
    adjust_ = [value](TpmBackend::Options& options) { options.parent_auth.storage_root.emplace(Secret(value)); };
  };
  parent_auth("right");
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  parent_auth("wrong");
  Make();
  for (int connection = 0; connection < 3; ++connection) {
    for (const absl::Status& end : Works(key)) {
      EXPECT_THAT(end, StatusIs(kRefused, HasSubstr("ddskeyd.tpm2-parent-auth"))) << connection;
    }
    EXPECT_THAT(Create(), StatusIs(kRefused)) << connection;
    EXPECT_EQ(refusals_, 1) << connection;
    tpm_.Restart();
  }
  EXPECT_EQ(Counted(), "TPM2_PT_LOCKOUT_COUNTER: 0x0");
}

TEST_F(TpmRefusalTest, S12AWrongValueOfTheOwnerIsTriedOnce) {
  ASSERT_EQ(Tool({"tpm2_changeauth", "-c", "o", "right"}), 0);
  adjust_ = [](TpmBackend::Options& options) { options.parent_auth.owner.emplace(Secret("wrong")); };
  Make("", std::chrono::milliseconds(10));
  for (int connection = 0; connection < 3; ++connection) {
    for (int i = 0; i < 3; ++i) EXPECT_THAT(Create(), StatusIs(kRefused, HasSubstr("ddskeyd.tpm2-owner-auth")));
    EXPECT_EQ(refusals_, 1) << connection;
    tpm_.Restart();
  }
  EXPECT_EQ(Counted(), "TPM2_PT_LOCKOUT_COUNTER: 0x0");
}

TEST_F(TpmRefusalTest, S12AWrongValueOfAKeyIsTriedOnceAndOtherKeysGoOn) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey good, Create());
  ASSERT_OK_AND_ASSIGN(SealedKey wrong, Create());
  ASSERT_OK_AND_ASSIGN(KeyBlob blob, ParseBlob(wrong.blob));
  // The value is derived from the salt.
  blob.salt[0] = static_cast<char>(blob.salt[0] ^ 1);
  ASSERT_OK_AND_ASSIGN(wrong.blob, SerializeBlob(blob));
  for (int connection = 0; connection < 3; ++connection) {
    for (const absl::Status& end : Works(wrong)) {
      EXPECT_THAT(end, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not tried again"))) << connection;
    }
    EXPECT_OK(Sign(good));
    EXPECT_EQ(refusals_, 1) << connection;
    tpm_.Restart();
  }
  EXPECT_EQ(Counted(), "TPM2_PT_LOCKOUT_COUNTER: 0x0");
}

TEST_F(TpmRefusalTest, S12StopsBeforeTheTpmLocksAndSaysForHowLong) {
  ASSERT_TRUE(MakeStorageRoot());
  LockAt(2);
  const std::string one = KeyFile({"-p", "not empty"});
  const std::string two = KeyFile({"-p", "not empty"});
  Make();
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(Import(one), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("passphrase"))) << i;
    EXPECT_EQ(Counted(), "TPM2_PT_LOCKOUT_COUNTER: 0x1") << "the same file is not tried again";
  }
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(Import(two), StatusIs(absl::StatusCode::kResourceExhausted,
                                      AllOf(HasSubstr("would lock the TPM"), HasSubstr("for 3600 s"))));
  }
  EXPECT_EQ(Counted(), "TPM2_PT_LOCKOUT_COUNTER: 0x1");
  ASSERT_EQ(Tool({"tpm2_dictionarylockout", "-c"}), 0);
  EXPECT_THAT(Import(two), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("passphrase")));
  EXPECT_EQ(refusals_, 2);
}

TEST_F(TpmRefusalTest, S12AKeyThatALockoutStopsSaysForHowLongAndOthersGoOn) {
  ASSERT_TRUE(MakeStorageRoot());
  LockAt(2);
  const std::string file = KeyFile({});
  ASSERT_EQ(Tool({"tpm2_nvdefine", "0x1500016", "-s", "8", "-p", "right", "-a", "authread|authwrite"}), 0);
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey imported, Import(file));
  ASSERT_OK(Sign(imported));
  ASSERT_OK_AND_ASSIGN(const SealedKey own, Create());
  backend_.reset();
  for (int i = 0; i < 3; ++i) EXPECT_NE(Tool({"tpm2_nvread", "0x1500016", "-P", "wrong"}), 0);
  Make();
  EXPECT_THAT(Sign(imported),
              StatusIs(absl::StatusCode::kResourceExhausted, AllOf(HasSubstr("is locked"), HasSubstr("for 3600 s"))));
  EXPECT_OK(Sign(own));
  EXPECT_FALSE(Sign(imported).ok());
  EXPECT_TRUE(backend_->Health().healthy) << backend_->Health().problem;
  ASSERT_EQ(Tool({"tpm2_dictionarylockout", "-c"}), 0);
  EXPECT_OK(Sign(imported)) << "a lockout says nothing of the value";
}

TEST_F(TpmRefusalTest, AValueThatWasAcceptedIsRepeatedWhenARefusalHasAnotherReason) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  ASSERT_OK(Sign(key));
  bool changed = false;
  tap_->SetCommandChange([&](TPM2_CC code, std::span<uint8_t> command) {
    // In the digest, which the HMAC of the session is over.
    if (code == TPM2_CC_Sign && !std::exchange(changed, true)) command[command.size() - 20] ^= 1;
  });
  EXPECT_OK(Sign(key));
  EXPECT_TRUE(changed);
  EXPECT_OK(Sign(key));
}

TEST_F(TpmRefusalTest, AValueIsNotTakenForWrongInASessionThatIsNot) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  Make(dir_.File("secret"));
  bool changed = false;
  tap_->SetChange([&](TPM2_CC code, std::span<uint8_t> answer) {
    // In the TPM's nonce, from which the key of the session is derived.
    if (code == TPM2_CC_StartAuthSession && !std::exchange(changed, true)) answer[20] ^= 1;
  });
  EXPECT_OK(Sign(key)) << "nothing was ever accepted here, but the session cannot have worked";
  EXPECT_TRUE(changed);
}

}  // namespace
}  // namespace ddskey::tpm
