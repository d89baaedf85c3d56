// What TpmBackend sends to a TPM, believes of it, and keeps in it. That it is a KeyBackend: test/conformance.

#include "daemon/backend/tpm2/tpm_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tss2/tss2_tpm2_types.h>

#include <string>
#include <utility>
#include <vector>

#include "daemon/backend/tpm2/tpm_fixture.h"
#include "daemon/backend/tpm2/wiretap.h"
#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

using test::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class TpmBackendTest : public TpmFixture {
 protected:
  // Corrupt makes the TPM's next `count` signatures wrong.
  void Corrupt(int count) {
    tap_->SetChange([left = count](TPM2_CC command, std::span<uint8_t> answer) mutable {
      // Tag, size, code, parameter size, algorithm, hash and size of r come first.
      if (command == TPM2_CC_Sign && answer.size() > 60 && left-- > 0) answer[30] ^= 1;
    });
  }
};

TEST_F(TpmBackendTest, S13RefusesATctiThatIsNotOnTheList) {
  for (const char* tcti : {"cmd:touch /tmp/x", "pcap:swtpm", "/tmp/evil.so", ""}) {
    TpmBackend::Options options;
    options.tcti = tcti;
    EXPECT_THAT(TpmBackend::Create(std::move(options)), StatusIs(absl::StatusCode::kInvalidArgument)) << tcti;
  }
}

TEST_F(TpmBackendTest, ASignatureCostsOneCommandOnceItsKeyIsLoaded) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  ASSERT_OK(Sign(key));
  const int before = tap_->total();
  const int loads = tap_->count(TPM2_CC_Load);
  std::vector<SignFuture> signatures;
  for (int i = 0; i < 50; ++i) signatures.push_back(Submit(key, i));
  for (SignFuture& signature : signatures) EXPECT_OK(signature.get());
  EXPECT_EQ(tap_->total() - before, 50);
  EXPECT_EQ(tap_->count(TPM2_CC_Load), loads);
}

TEST_F(TpmBackendTest, TwoKeysInTurnAreLoadedOnce) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey a, Create());
  ASSERT_OK_AND_ASSIGN(const SealedKey b, Create());
  for (int i = 0; i < 10; ++i) {
    ASSERT_OK(Sign(a));
    ASSERT_OK(Sign(b));
  }
  EXPECT_EQ(tap_->count(TPM2_CC_Load), 2);
}

TEST_F(TpmBackendTest, UsesTwentyKeysInTurnWithThreePlaces) {
  Make();
  std::vector<SealedKey> keys;
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK_AND_ASSIGN(keys.emplace_back(), Create());
  }
  for (int round = 0; round < 2; ++round) {
    for (const SealedKey& key : keys) ASSERT_OK(Sign(key, round));
  }
  EXPECT_EQ(tap_->count(TPM2_CC_CreatePrimary), 1);
  EXPECT_TRUE(backend_->Health().healthy) << backend_->Health().problem;
}

TEST_F(TpmBackendTest, FlushesWhatADeadProgramLeftInTheTpm) {
  for (int i = 0; i < 3; ++i) ASSERT_EQ(Tool({"tpm2_createprimary", "-C", "o", "-c", dir_.File("x")}), 0);
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  EXPECT_OK(Sign(key));
}

TEST_F(TpmBackendTest, LoadsAgainWhatSomebodyFlushed) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  ASSERT_OK(Sign(key));
  ASSERT_EQ(Tool({"tpm2_flushcontext", "-t"}), 0);
  EXPECT_OK(Sign(key));
  EXPECT_OK(Create());
}

TEST_F(TpmBackendTest, LeavesNothingLoadedBehind) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  ASSERT_OK(Sign(key));
  backend_.reset();
  for (const char* kind : {"handles-transient", "handles-loaded-session"}) {
    std::string handles;
    test::Run({"tpm2_getcap", "-T", tpm_.tcti(), kind}, &handles);
    EXPECT_EQ(handles, "") << kind;
  }
}

TEST_F(TpmBackendTest, AnAlteredSignatureIsMadeAgainWithoutDisturbingOthers) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  ASSERT_OK(Sign(key));
  Corrupt(1);
  std::vector<SignFuture> signatures;
  for (int i = 0; i < 20; ++i) signatures.push_back(Submit(key, i));
  const auto public_key = *library_->ParsePublicKeyInfo(key.algorithm, key.public_key);
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK_AND_ASSIGN(const Signature signature, signatures[i].get());
    EXPECT_OK(library_->Verify(*public_key, kScheme, Digest(i), signature));
  }
}

TEST_F(TpmBackendTest, PrefersThePersistentStorageRootAndRemembersWhichParentAKeyHas) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey under_primary, Create());
  ASSERT_TRUE(MakeStorageRoot(kStorageAttributes));
  Make();
  const int primaries = tap_->count(TPM2_CC_CreatePrimary);
  ASSERT_OK_AND_ASSIGN(const SealedKey under_root, Create());
  EXPECT_OK(Sign(under_root));
  EXPECT_EQ(tap_->count(TPM2_CC_CreatePrimary), primaries);
  EXPECT_OK(Sign(under_primary));

  backend_.reset();
  ASSERT_EQ(Tool({"tpm2_evictcontrol", "-C", "o", "-c", "0x81000001"}), 0);
  Make();
  EXPECT_THAT(Sign(under_root), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_OK(Sign(under_primary));
}

TEST_F(TpmBackendTest, LeavesAStorageRootAloneThatCountsForTheLockout) {
  ASSERT_TRUE(MakeStorageRoot("fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt"));
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  EXPECT_OK(Sign(key));
  EXPECT_EQ(tap_->count(TPM2_CC_CreatePrimary), 1);
}

TEST_F(TpmBackendTest, DoesWithoutAStorageRootThatHasAPassword) {
  ASSERT_TRUE(MakeStorageRoot(kStorageAttributes, {"-p", "password"}));
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  EXPECT_OK(Sign(key));
}

TEST_F(TpmBackendTest, SaysWhatToDoWhenTheOwnerHasAPassword) {
  ASSERT_EQ(Tool({"tpm2_changeauth", "-c", "o", "password"}), 0);
  Make();
  EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("0x81000001")));
  EXPECT_FALSE(backend_->Health().healthy);
  EXPECT_THAT(backend_->Health().problem, HasSubstr("password"));
}

TEST_F(TpmBackendTest, KeysOfAClearedTpmAreLostAndNewOnesCanBeMade) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  ASSERT_OK(Sign(key));
  ASSERT_EQ(Tool({"tpm2_clear"}), 0);
  EXPECT_THAT(Sign(key), StatusIs(absl::StatusCode::kDataLoss));
  // It could be somebody else's TPM as well, so it takes an administrator's word.
  const auto refused = Create();
  ASSERT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("storage_root_name")));
  const std::string message(refused.status().message());
  adjust_ = [name = message.substr(message.find("000b"), 68)](TpmBackend::Options& options) {
    options.storage_root_name = name;
  };
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey fresh, Create());
  EXPECT_OK(Sign(fresh));
}

TEST_F(TpmBackendTest, S12KeysNeedTheSecretTheyWereMadeUnder) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  EXPECT_OK(Sign(key));
  EXPECT_THAT(backend_->protection(), HasSubstr(dir_.File("secret")));
  Make(dir_.File("another"));
  EXPECT_THAT(Sign(key), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("another secret")));
  Make();
  EXPECT_THAT(Sign(key), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ddskeyd.tpm2-key-auth")));
  Make(dir_.File("secret"));
  EXPECT_OK(Sign(key));
}

TEST_F(TpmBackendTest, S12KeysWithoutAuthorisationGoOnWorkingWhenASecretComes) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  Make(dir_.File("secret"));
  EXPECT_OK(Sign(key));
}

TEST_F(TpmBackendTest, S12KeysNeverFeedTheLockout) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  // A changed salt is a wrong authorisation value; magic, authorisation, parent and secret id come before it.
  SealedKey damaged = key;
  damaged.blob[4 + 1 + 2 + 34 + 8] ^= 1;
  for (int i = 0; i < 40; ++i) ASSERT_THAT(Sign(damaged), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_OK(Sign(key));
  std::string state;
  test::Run({"tpm2_getcap", "-T", tpm_.tcti(), "properties-variable"}, &state);
  EXPECT_THAT(state, HasSubstr("TPM2_PT_LOCKOUT_COUNTER: 0x0"));
}

TEST_F(TpmBackendTest, RefusesKeysThatTheTpmDoesNotMakeByName) {
  // It is asked for each algorithm in turn: P-384 is the second, RSA-3072 the fourth.
  tap_->SetChange([asked = 0](TPM2_CC command, std::span<uint8_t> answer) mutable {
    if (command != TPM2_CC_TestParms || answer.size() < 10 || ++asked % 2 != 0) return;
    constexpr TSS2_RC kRefusal = TPM2_RC_VALUE + TPM2_RC_P + TPM2_RC_1;
    answer[8] = kRefusal >> 8;
    answer[9] = kRefusal & 0xff;
  });
  Make();
  EXPECT_THAT(Create(KeyAlgorithm::kEcP384),
              StatusIs(absl::StatusCode::kUnimplemented,
                       AllOf(HasSubstr("this TPM does not make keys of ec-p384"), HasSubstr("ec-p256, rsa-2048"))));
  EXPECT_THAT(Create(KeyAlgorithm::kRsa3072), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("rsa-3072")));
  EXPECT_THAT(backend_->algorithms(), ElementsAre(KeyAlgorithm::kEcP256, KeyAlgorithm::kRsa2048));
  EXPECT_EQ(tap_->count(TPM2_CC_Create), 0);
  EXPECT_TRUE(test::WaitFor([&] { return backend_->Health().healthy; })) << "that it makes fewer keys is no illness";
  EXPECT_OK(Create(KeyAlgorithm::kRsa2048));
}

TEST_F(TpmBackendTest, AsksATpmOnceWhatKeysItMakes) {
  Make();
  ASSERT_OK(Create());
  const int asked = tap_->count(TPM2_CC_TestParms);
  EXPECT_EQ(asked, static_cast<int>(kAllAlgorithms.size()));
  tpm_.PowerCycle();
  ASSERT_OK(Create());
  EXPECT_LE(tap_->count(TPM2_CC_TestParms), 2 * asked);
}

TEST_F(TpmBackendTest, TellsWhatTpmItIs) {
  Make();
  ASSERT_OK(Create());
  EXPECT_THAT(backend_->Health().device, AllOf(HasSubstr("IBM"), HasSubstr("firmware")));
  EXPECT_THAT(backend_->protection(), Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace ddskey::tpm
