// Keys that are bound to the registers of a real TPM.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tss2/tss2_tpm2_types.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "daemon/backend/bound_blob.h"
#include "daemon/backend/derive_secret.h"
#include "daemon/backend/tpm2/key_blob.h"
#include "daemon/backend/tpm2/tpm_fixture.h"
#include "proto/contract/pcr_policy.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

using test::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

class TpmPcrTest : public TpmFixture {
 protected:
  // Authority approves values; in practice with a key that is nowhere near a robot.
  struct Authority {
    EvpKey key;
    std::string public_key;
    SignatureScheme scheme;
  };

  Authority MakeAuthority(KeyAlgorithm algorithm = KeyAlgorithm::kEcP256) const {
    EvpKey key = *library_->Generate(algorithm);
    std::string public_key = *library_->PublicKeyInfo(*key);
    return {std::move(key), std::move(public_key),
            IsRsa(algorithm) ? SignatureScheme::kRsaPkcs1Sha256 : SignatureScheme::kEcdsaSha256};
  }

  PcrApproval Approved(const Authority& authority, const std::string& label, const PcrValues& values) const {
    std::string digest(32, '\0');
    const std::string octets = ToBeApproved(values, label);
    EVP_Digest(octets.data(), octets.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
               nullptr);
    return {label, values, library_->Sign(*authority.key, authority.scheme, digest)->octets};
  }

  static PcrTerms To(const std::string& registers) { return {*ParsePcrSelection(registers), "", "", {}}; }
  static PcrTerms To(const std::string& registers, const Authority& authority, const std::string& label = "lidar") {
    return {*ParsePcrSelection(registers), authority.public_key, label, {}};
  }

  // Extend is what a boot with other firmware does.
  void Extend(int index, const std::string& bank = "sha256") const {
    const size_t size = bank == "sha1" ? 20 : bank == "sha384" ? 48 : 32;
    ASSERT_EQ(Tool({"tpm2_pcrextend", std::to_string(index) + ":" + bank + "=" + std::string(2 * size, '1')}), 0);
  }

  // Now is what the registers are, as the TPM's tools show it.
  PcrValues Now(const std::string& registers) const {
    std::string shown;
    EXPECT_EQ(test::Run({"tpm2_pcrread", "-T", tpm_.tcti(), registers}, &shown), 0);
    return *ParsePcrValues(shown, *ParsePcrSelection(registers));
  }
};

TEST_F(TpmPcrTest, ABoundKeySignsUntilARegisterChangesAndTheErrorNamesIt) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey free, Create());
  ASSERT_OK_AND_ASSIGN(const SealedKey key, CreateBound(To("sha256:0,2,7")));
  for (int i = 0; i < 5; ++i) ASSERT_OK(Sign(key, i));
  Extend(4);
  ASSERT_OK(Sign(key)) << "it is not bound to PCR 4";
  Extend(7);
  EXPECT_THAT(Sign(key), StatusIs(kPrecondition, AllOf(HasSubstr("PCR 7 (sha256) of the TPM is not as the key needs"),
                                                       HasSubstr("renew the identity"), Not(HasSubstr("PCR 2")))));
  EXPECT_THAT(backend_->KeyProblem(key.public_key), HasSubstr("PCR 7 (sha256)"));
  EXPECT_OK(Sign(free)) << "the TPM works for other keys";
  EXPECT_TRUE(backend_->Health().healthy) << backend_->Health().problem;
  Extend(0);
  EXPECT_THAT(Sign(key), StatusIs(kPrecondition, HasSubstr("PCR 0 (sha256), PCR 7 (sha256) of the TPM are not")));
}

TEST_F(TpmPcrTest, ARefusalIsNotRepeatedAndCostsNoTryOfTheLockout) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, CreateBound(To("sha256:7")));
  ASSERT_OK(Sign(key));
  Extend(7);
  const int compared = tap_->count(TPM2_CC_PolicyPCR);
  const int signed_before = tap_->count(TPM2_CC_Sign);
  for (int i = 0; i < 40; ++i) EXPECT_THAT(Sign(key, i), StatusIs(kPrecondition));
  EXPECT_EQ(tap_->count(TPM2_CC_PolicyPCR), compared + 40);
  EXPECT_EQ(tap_->count(TPM2_CC_Sign), signed_before);
  std::string shown;
  ASSERT_EQ(test::Run({"tpm2_getcap", "-T", tpm_.tcti(), "properties-variable"}, &shown), 0);
  EXPECT_THAT(shown, HasSubstr("TPM2_PT_LOCKOUT_COUNTER: 0x0"));
}

TEST_F(TpmPcrTest, AfterARestartWithTheSameFirmwareItSignsAgain) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, CreateBound(To("sha256:7")));
  Extend(7);
  ASSERT_THAT(Sign(key), StatusIs(kPrecondition));
  tpm_.Kill();
  tpm_.Restart();
  EXPECT_OK(Sign(key));
  EXPECT_EQ(backend_->KeyProblem(key.public_key), "");
  tpm_.PowerCycle();
  EXPECT_OK(Sign(key));
}

TEST_F(TpmPcrTest, EveryBankOfTheTpmAndSeveralAtOnceCanBeChosen) {
  Make();
  for (const char* registers : {"sha1:0,7", "sha384:1", "sha512:0", "sha1:3+sha256:3+sha384:3",
                                "sha256:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,17,18,19,20,21,22"}) {
    SCOPED_TRACE(registers);
    ASSERT_OK_AND_ASSIGN(const SealedKey key, CreateBound(To(registers)));
    EXPECT_OK(Sign(key));
    EXPECT_EQ(BindingOf(key.blob)->values, Now(registers));
  }
  ASSERT_OK_AND_ASSIGN(const SealedKey key, CreateBound(To("sha1:3+sha384:3")));
  Extend(3, "sha384");
  EXPECT_THAT(Sign(key), StatusIs(kPrecondition, AllOf(HasSubstr("PCR 3 (sha384)"), Not(HasSubstr("sha1")))));
}

TEST_F(TpmPcrTest, AnApprovalLetsItSignAfterAnUpdateAndBack) {
  for (const KeyAlgorithm algorithm : {KeyAlgorithm::kEcP256, KeyAlgorithm::kEcP384, KeyAlgorithm::kRsa2048}) {
    const Authority authority = MakeAuthority(algorithm);
    Make(dir_.File("secret"));
    ASSERT_OK_AND_ASSIGN(const SealedKey key, CreateBound(To("sha256:0,7", authority)));
    ASSERT_OK(Sign(key));
    Extend(7);
    ASSERT_THAT(Sign(key), StatusIs(kPrecondition, HasSubstr("ddskeyctl key approve-pcr")));
    ASSERT_OK_AND_ASSIGN(const SealedKey approved, Approve(key, Approved(authority, "lidar", Now("sha256:0,7"))));
    EXPECT_EQ(approved.public_key, key.public_key);
    for (int i = 0; i < 3; ++i) ASSERT_OK(Sign(approved, i));
    EXPECT_EQ(backend_->KeyProblem(key.public_key), "");
    EXPECT_THAT(Approve(approved, Approved(authority, "lidar", Now("sha256:0,7"))),
                StatusIs(absl::StatusCode::kAlreadyExists));
    // The values of before go on to be good.
    tpm_.Kill();
    tpm_.Restart();
    EXPECT_OK(Sign(approved));
    Extend(7);
    Make(dir_.File("secret"));
    EXPECT_OK(Sign(approved));
    tpm_.Kill();
    tpm_.Restart();
  }
}

TEST_F(TpmPcrTest, AnApprovalCanBeGivenBeforeTheUpdate) {
  const Authority authority = MakeAuthority();
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, CreateBound(To("sha256:7", authority)));
  // As predicted: a register of zeros that is extended once.
  const std::string extended = *absl::StatusOr<std::string>(
      PcrDigest({{{PcrBank::kSha256, 0}, std::string(32, '\0')}, {{PcrBank::kSha256, 1}, std::string(32, '\x11')}}));
  ASSERT_OK_AND_ASSIGN(const SealedKey approved,
                       Approve(key, Approved(authority, "lidar", {{{PcrBank::kSha256, 7}, extended}})));
  ASSERT_OK(Sign(approved));
  Extend(7);
  EXPECT_OK(Sign(approved));
  Extend(7);
  EXPECT_THAT(Sign(approved), StatusIs(kPrecondition, HasSubstr("PCR 7 (sha256)")));
}

TEST_F(TpmPcrTest, ApprovalsThatAreNotForTheKeyAreRefusedByName) {
  const Authority authority = MakeAuthority();
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, CreateBound(To("sha256:7", authority)));
  Extend(7);
  const PcrValues now = Now("sha256:7");
  EXPECT_THAT(Approve(key, Approved(MakeAuthority(), "lidar", now)),
              StatusIs(kInvalid, HasSubstr("not signed by the key's authority")));
  EXPECT_THAT(Approve(key, Approved(MakeAuthority(KeyAlgorithm::kRsa2048), "lidar", now)), StatusIs(kInvalid));
  EXPECT_THAT(Approve(key, Approved(authority, "radar", now)),
              StatusIs(kPrecondition, HasSubstr("with the label \"radar\", not for those with \"lidar\"")));
  PcrApproval relabelled = Approved(authority, "radar", now);
  relabelled.label = "lidar";
  EXPECT_THAT(Approve(key, relabelled), StatusIs(kInvalid, HasSubstr("not signed by the key's authority")));
  EXPECT_THAT(Approve(key, Approved(authority, "lidar", Now("sha256:0,7"))),
              StatusIs(kPrecondition, HasSubstr("for sha256:0,7, but the key is bound to sha256:7")));
  const PcrApproval good = Approved(authority, "lidar", now);
  for (size_t size = 0; size < good.signature.size(); ++size) {
    PcrApproval cut = good;
    cut.signature.resize(size);
    ASSERT_THAT(Approve(key, cut), StatusIs(kInvalid)) << size;
  }
  ASSERT_OK_AND_ASSIGN(const SealedKey without, CreateBound(To("sha256:7")));
  EXPECT_THAT(Approve(without, good), StatusIs(kPrecondition, HasSubstr("without an authority")));
  ASSERT_OK_AND_ASSIGN(const SealedKey free, Create());
  EXPECT_THAT(Approve(free, good), StatusIs(kPrecondition, HasSubstr("not bound to registers")));
  EXPECT_TRUE(backend_->Health().healthy) << backend_->Health().problem;
  EXPECT_OK(Approve(key, good));
}

TEST_F(TpmPcrTest, TermsThatNoKeyCanHaveAreRefusedByName) {
  Make();
  EXPECT_THAT(CreateBound({}), StatusIs(kInvalid, HasSubstr("one register at least")));
  PcrTerms terms = To("sha256:7");
  terms.authority = "no key";
  terms.label = "lidar";
  EXPECT_THAT(CreateBound(terms), StatusIs(kInvalid, HasSubstr("the authority's public key")));
  EXPECT_THAT(CreateBound(To("sha256:7", MakeAuthority(), "two words")), StatusIs(kInvalid, HasSubstr("label")));
  terms = To("sha256:7");
  terms.label = "lidar";
  EXPECT_THAT(CreateBound(terms), StatusIs(kInvalid, HasSubstr("without an authority")));
  EXPECT_OK(CreateBound(To("sha256:7")));
}

TEST_F(TpmPcrTest, ABankThatTheTpmDoesNotKeepIsRefused) {
  ASSERT_EQ(Tool({"tpm2_pcrallocate", "sha1:none+sha256:all+sha384:none+sha512:none"}), 0);
  tpm_.Kill();
  tpm_.Restart();
  Make();
  EXPECT_THAT(CreateBound(To("sha1:0+sha256:0")), StatusIs(kInvalid, HasSubstr("does not keep PCR 0 (sha1)")));
  EXPECT_OK(CreateBound(To("sha256:0")));
}

TEST_F(TpmPcrTest, S1PurposeAndBindingOfABoundKeyArePartOfIt) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, CreateBound(To("sha256:7")));
  SealedKey other = key;
  other.purpose = KeyPurpose::kDigest;
  EXPECT_THAT(Sign(other), StatusIs(absl::StatusCode::kDataLoss));
  // Another's values in front of the same key.
  Extend(7);
  KeyBlob blob = *ParseBlob(key.blob);
  blob.binding->values = Now("sha256:7");
  other = key;
  other.blob = *SerializeBlob(blob);
  EXPECT_THAT(Sign(other), StatusIs(absl::StatusCode::kDataLoss));
  blob.binding.reset();
  other.blob = *SerializeBlob(blob);
  EXPECT_THAT(Sign(other), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(TpmPcrTest, S12ABoundKeyNeedsItsAuthorisationValueTooAndTheBusShowsNeitherThatNorDigests) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, CreateBound(To("sha256:7")));
  ASSERT_OK(Sign(key, 7));
  const KeyBlob blob = *ParseBlob(key.blob);
  EXPECT_EQ(blob.public_area.publicArea.objectAttributes & TPMA_OBJECT_USERWITHAUTH, 0U);
  EXPECT_NE(blob.public_area.publicArea.objectAttributes & TPMA_OBJECT_NODA, 0U);
  SecretSource source;
  source.file = dir_.File("secret");
  const SecretBytes value = *DeriveSecret(*library_, LoadSecret(source)->value, blob.salt, "ddskey/tpm2/auth/1");
  const std::span<const uint8_t> octets = value.Reveal(SecretAccess());
  const auto seen = [&](const std::string& wanted) {
    const auto traffic = tap_->traffic();
    return std::any_of(traffic.begin(), traffic.end(),
                       [&](const std::string& message) { return message.find(wanted) != std::string::npos; });
  };
  EXPECT_FALSE(seen(std::string(octets.begin(), octets.end())));
  EXPECT_FALSE(seen(Digest(7)));
  EXPECT_TRUE(seen(PcrDigest(Now("sha256:7")))) << "that the record is one";
  Make();
  EXPECT_FALSE(Sign(key).ok());
}

TEST_F(TpmPcrTest, S12NoChangedAnswerToAStepOfThePolicyLetsAChangedRegisterPass) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, CreateBound(To("sha256:7")));
  ASSERT_OK(Sign(key));
  Extend(7);
  const std::string before(32, '\0');
  // Whoever sits on the bus says that all went well, and that the register is as it was.
  tap_->SetChange([&](TPM2_CC command, std::span<uint8_t> answer) {
    constexpr std::string_view kSuccess("\x80\x01\0\0\0\x0a\0\0\0\0", 10);
    if (command == TPM2_CC_PolicyPCR || command == TPM2_CC_PolicyOR) {
      std::copy_n(kSuccess.begin(), std::min(kSuccess.size(), answer.size()), answer.begin());
    }
    if (command == TPM2_CC_PCR_Read && answer.size() > 32) std::fill(answer.end() - 32, answer.end(), 0);
  });
  EXPECT_FALSE(Sign(key, 0, std::chrono::milliseconds(300)).ok());
  tap_->SetChange([&](TPM2_CC command, std::span<uint8_t> answer) {
    if (command == TPM2_CC_PCR_Read && answer.size() > 32) std::fill(answer.end() - 32, answer.end(), 0);
  });
  EXPECT_THAT(Sign(key), StatusIs(kPrecondition, HasSubstr("somebody changes what passes")));
  tap_->SetChange(nullptr);
  EXPECT_THAT(Sign(key), StatusIs(kPrecondition, HasSubstr("PCR 7 (sha256)")));
}

TEST_F(TpmPcrTest, AValueOfASizeThatTheRegisterCannotHaveIsRefused) {
  Make();
  ASSERT_OK(Create());
  tap_->SetChange([](TPM2_CC command, std::span<uint8_t> answer) {
    if (command == TPM2_CC_PCR_Read && answer.size() > 33) answer[answer.size() - 33] = 20;
  });
  EXPECT_THAT(CreateBound(To("sha256:7")),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("nothing that PCR 7 (sha256) can have")));
  tap_->SetChange(nullptr);
  EXPECT_OK(CreateBound(To("sha256:7")));
}

TEST_F(TpmPcrTest, KeysTakeTurnsInTheThreePlacesAndTwoSessionsOfABareTpm) {
  const Authority authority = MakeAuthority();
  Make(dir_.File("secret"));
  std::vector<SealedKey> keys;
  for (int i = 0; i < 4; ++i) {
    ASSERT_OK_AND_ASSIGN(SealedKey key, i % 2 == 0 ? Create() : CreateBound(To("sha256:7", authority)));
    keys.push_back(std::move(key));
  }
  Extend(7);
  for (int i = 1; i < 4; i += 2) {
    ASSERT_OK_AND_ASSIGN(keys[i], Approve(keys[i], Approved(authority, "lidar", Now("sha256:7"))));
  }
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < keys.size(); ++i) ASSERT_OK(Sign(keys[i], round)) << i;
  }
  EXPECT_EQ(tap_->count(TPM2_CC_StartAuthSession), 2);
  // A session that somebody flushed is started again, also in the middle.
  ASSERT_EQ(Tool({"tpm2_flushcontext", "-l"}), 0);
  for (const SealedKey& key : keys) EXPECT_OK(Sign(key));
}

TEST_F(TpmPcrTest, RegistersThatChangeWhileAKeySignsCostOneMoreTry) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, CreateBound(To("sha256:7")));
  ASSERT_OK(Sign(key));
  // The TPM refuses what was begun before another register changed, too (TPM_RC_PCR_CHANGED).
  bool changed = false;
  tap_->SetChange([&](TPM2_CC command, std::span<uint8_t> answer) {
    if (changed || command != TPM2_CC_PolicyOR) return;
    changed = true;
    (void)answer;
    Extend(9);
  });
  EXPECT_OK(Sign(key));
  EXPECT_TRUE(changed);
}

}  // namespace
}  // namespace ddskey::tpm
