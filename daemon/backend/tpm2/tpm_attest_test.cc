// Attestation and activation by the backend, and what somebody on the bus learns of it and can do. What a CA makes of
// an attestation is tried where it is verified; here the other end is tpm2-tools.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <tss2/tss2_tpm2_types.h>

#include <algorithm>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "daemon/backend/attester.h"
#include "daemon/backend/tpm2/endorsement_certificates.h"
#include "daemon/backend/tpm2/tpm_fixture.h"
#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

using test::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr size_t kHeader = 10;
constexpr size_t kCode = 6;
constexpr char kSecret[] = "a secret for the TPM of 32 octet";

std::string Sized(const std::string& octets) {
  return std::string{static_cast<char>(octets.size() >> 8), static_cast<char>(octets.size())} + octets;
}

class TpmAttestTest : public TpmFixture {
 protected:
  absl::StatusOr<Attestation> Attest(const SealedKey& key, EndorsementKind kind = EndorsementKind::kEcP256,
                                     std::vector<uint32_t> pcrs = {0, 1, 2, 3, 4, 5, 6, 7, 10, 23}) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<Attestation>>>();
    auto future = promise->get_future();
    backend_->attester()->SubmitAttest(
        {key, std::string(32, 'n'), "talker", std::string(32, 'c'), std::move(pcrs), kind}, In(std::chrono::minutes(1)),
        [promise](absl::StatusOr<Attestation> made) { promise->set_value(std::move(made)); });
    return future.get();
  }
  absl::StatusOr<std::string> Activate(ActivateRequest request) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<std::string>>>();
    auto future = promise->get_future();
    backend_->attester()->SubmitActivate(
        std::move(request), In(std::chrono::minutes(1)), [promise](absl::StatusOr<ActivatedSecret> opened) {
          promise->set_value(opened.ok() ? absl::StatusOr<std::string>(opened->octets) : opened.status());
        });
    return future.get();
  }
  // Encrypt has tpm2-tools encrypt kSecret to the TPM of an attestation, without a TPM.
  ActivateRequest Encrypt(const SealedKey& key, const Attestation& attestation, const std::string& name) const {
    dir_.Write("ek", Sized(attestation.ek_public));
    dir_.Write("secret", kSecret);
    EXPECT_EQ(test::Run({"tpm2_makecredential", "-T", "none", "-u", dir_.File("ek"), "-s", dir_.File("secret"), "-n",
                         absl::BytesToHexString(name), "-o", dir_.File("credential")}),
              0);
    const std::string file = test::ReadFile(dir_.File("credential"));
    const auto size = [&](size_t at) {
      return static_cast<size_t>(static_cast<uint8_t>(file[at]) << 8 | static_cast<uint8_t>(file[at + 1]));
    };
    // A magic number and a version are in front.
    const size_t second = 8 + 2 + size(8);
    return {key, ek_sha256_, name, file.substr(10, size(8)), file.substr(second + 2, size(second))};
  }
  // LearnDigest finds out what the backend calls the endorsement key, from the refusal of another one.
  void LearnDigest(const SealedKey& key, size_t seed) {
    const auto refused = Activate({key, std::string(32, 'x'), "name", "credential", std::string(seed, 's')});
    ASSERT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("of another TPM")));
    const std::string message(refused.status().message());
    ek_sha256_ = absl::HexStringToBytes(message.substr(message.size() - 64));
  }
  // NameOfSigner is the Name of the attestation key.
  static std::string NameOfSigner(const Attestation& attestation) {
    std::string digest(32, '\0');
    EVP_Digest(attestation.ak_public.data(), attestation.ak_public.size(), reinterpret_cast<uint8_t*>(digest.data()),
               nullptr, EVP_sha256(), nullptr);
    return std::string("\0\x0b", 2) + digest;
  }
  bool WasSeen(const std::string& octets) const {
    const auto traffic = tap_->traffic();
    return std::any_of(traffic.begin(), traffic.end(),
                       [&](const std::string& message) { return message.find(octets) != std::string::npos; });
  }

  std::string ek_sha256_;
};

TEST_F(TpmAttestTest, S11AttestsAndActivatesWithBothEndorsementKeysAndLeavesRoom) {
  Make(dir_.File("secret-file"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  ASSERT_OK_AND_ASSIGN(const SealedKey rsa, Create(KeyAlgorithm::kRsa2048));
  std::string signer;
  for (const auto& [kind, seed] :
       {std::pair(EndorsementKind::kEcP256, size_t{68}), std::pair(EndorsementKind::kRsa2048, size_t{256})}) {
    LearnDigest(key, seed);
    for (const SealedKey& one : {key, rsa, key}) {
      ASSERT_OK_AND_ASSIGN(const Attestation attestation, Attest(one, kind));
      EXPECT_THAT(attestation.ek_certificates, IsEmpty());
      EXPECT_EQ(attestation.pcrs.size(), 10U);
      if (signer.empty()) signer = NameOfSigner(attestation);
      EXPECT_EQ(NameOfSigner(attestation), signer) << "it is always the same";
      ASSERT_OK_AND_ASSIGN(const std::string opened, Activate(Encrypt(one, attestation, signer)));
      EXPECT_EQ(opened, kSecret);
      EXPECT_OK(Sign(key));
    }
  }
  // Nothing that was loaded had to make room for what was left behind.
  EXPECT_TRUE(backend_->Health().healthy);
  EXPECT_EQ(tap_->count(TPM2_CC_Startup), 0);
}

TEST_F(TpmAttestTest, S11OpensNothingThatIsForAnotherObjectOrAltered) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  for (const auto& [kind, seed] :
       {std::pair(EndorsementKind::kEcP256, size_t{68}), std::pair(EndorsementKind::kRsa2048, size_t{256})}) {
    LearnDigest(key, seed);
    ASSERT_OK_AND_ASSIGN(const Attestation attestation, Attest(key, kind));
    const std::string name = NameOfSigner(attestation);
    std::string other = name;
    other[9] = static_cast<char>(other[9] ^ 1);
    ActivateRequest request = Encrypt(key, attestation, other);
    EXPECT_THAT(Activate(request), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("attestation key")));
    request.ak_name = name;
    EXPECT_THAT(Activate(request), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("does not open")));
    const ActivateRequest good = Encrypt(key, attestation, name);
    for (const size_t at : {size_t{0}, size_t{2}, size_t{20}, size_t{40}}) {
      request = good;
      request.credential[at] = static_cast<char>(request.credential[at] ^ 1);
      EXPECT_THAT(Activate(request), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("does not open"))) << at;
      request = good;
      request.encrypted_seed[at] = static_cast<char>(request.encrypted_seed[at] ^ 1);
      EXPECT_THAT(Activate(request), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("does not open"))) << at;
    }
    EXPECT_OK(Activate(good));
    EXPECT_OK(Sign(key));
    EXPECT_TRUE(backend_->Health().healthy) << "it is not the TPM's fault";
  }
}

TEST_F(TpmAttestTest, S11TheBusShowsNeitherPasswordsNorWhatWasOpenedAndNothingPassesWithoutASession) {
  ASSERT_TRUE(MakeStorageRoot(kStorageAttributes, {"-p", "root password"}));
  ASSERT_EQ(Tool({"tpm2_changeauth", "-c", "e", "endorsement password"}), 0);
  adjust_ = [](TpmBackend::Options& options) {
    options.parent_auth.storage_root = Secret("root password");
    options.endorsement_auth = Secret("endorsement password");
  };
  Make(dir_.File("secret-file"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  LearnDigest(key, 68);
  ASSERT_OK_AND_ASSIGN(const Attestation attestation, Attest(key));
  EXPECT_EQ(*Activate(Encrypt(key, attestation, NameOfSigner(attestation))), kSecret);
  EXPECT_FALSE(WasSeen("endorsement password"));
  EXPECT_FALSE(WasSeen(kSecret));
  EXPECT_TRUE(WasSeen(attestation.certify_info)) << "the record is one";
  int seen = 0;
  for (const std::string& message : tap_->traffic()) {
    // Certify, Quote, ActivateCredential, PolicySecret, CreatePrimary.
    const std::string codes("\x48\x58\x47\x51\x31");
    if (message.substr(kCode, 3) != std::string("\0\0\1", 3) || codes.find(message[kCode + 3]) == std::string::npos) {
      continue;
    }
    ++seen;
    const bool two_handles = message[kCode + 3] != '\x58' && message[kCode + 3] != '\x31';
    EXPECT_EQ(message.substr(0, 2), "\x80\x02");
    EXPECT_EQ(message[kHeader + (two_handles ? 12 : 8)], TPM2_HT_HMAC_SESSION);
  }
  // Endorsement key three times, attestation key twice, and the others once.
  EXPECT_EQ(seen, 9);
}

TEST_F(TpmAttestTest, S11NoChangedAnswerIsAccepted) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  LearnDigest(key, 68);
  ASSERT_OK_AND_ASSIGN(const Attestation attestation, Attest(key));
  const ActivateRequest request = Encrypt(key, attestation, NameOfSigner(attestation));
  for (const TPM2_CC command : {TPM2_CC_Certify, TPM2_CC_Quote, TPM2_CC_ActivateCredential, TPM2_CC_PolicySecret}) {
    const int before = tap_->count(command);
    tap_->SetChange([=, done = false](TPM2_CC answered, std::span<uint8_t> answer) mutable {
      if (done || answered != command || answer.size() <= kHeader + 10) return;
      done = true;
      answer[kHeader + 8] ^= 1;
    });
    const bool activates = command == TPM2_CC_ActivateCredential || command == TPM2_CC_PolicySecret;
    if (activates) {
      EXPECT_EQ(*Activate(request), kSecret);
    } else {
      EXPECT_EQ(Attest(key)->certify_info.substr(0, 6), attestation.certify_info.substr(0, 6));
    }
    EXPECT_EQ(tap_->count(command), before + 2) << "it was asked again";
  }
  tap_->SetChange({});
}

TEST_F(TpmAttestTest, S11GoesOnAfterTheTpmWasReset) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  LearnDigest(key, 68);
  ASSERT_OK_AND_ASSIGN(const Attestation attestation, Attest(key));
  tpm_.PowerCycle();
  EXPECT_EQ(*Activate(Encrypt(key, attestation, NameOfSigner(attestation))), kSecret);
  tpm_.PowerCycle();
  ASSERT_OK_AND_ASSIGN(const Attestation again, Attest(key));
  EXPECT_EQ(again.ak_public, attestation.ak_public);
}

TEST_F(TpmAttestTest, S11AWrongEndorsementPasswordIsTriedOnceAndNamed) {
  ASSERT_EQ(Tool({"tpm2_changeauth", "-c", "e", "endorsement password"}), 0);
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  EXPECT_THAT(Attest(key), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ddskeyd.tpm2-endorsement-auth")));
  const int asked = tap_->count(TPM2_CC_CreatePrimary);
  EXPECT_THAT(Attest(key), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ddskeyd.tpm2-endorsement-auth")));
  EXPECT_EQ(tap_->count(TPM2_CC_CreatePrimary), asked);
  EXPECT_OK(Sign(key)) << "keys do not need it";
}

TEST_F(TpmAttestTest, RefusesWhatNeedsNoDeviceToBeRefused) {
  Make();
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  for (const std::vector<uint32_t>& pcrs : std::vector<std::vector<uint32_t>>{{}, {24}, {3, 3}, {4, 3}}) {
    EXPECT_THAT(Attest(key, EndorsementKind::kAny, pcrs), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(Activate({key, "short", "name", "credential", "seed"}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Activate({key, std::string(32, 'x'), "name", std::string(257, 'x'), "seed"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(SplitCertificatesTest, LeavesOutWhatComesBehindThem) {
  const std::string one = std::string("\x30\x82\x00\x03", 4) + "abc";
  const std::string two = std::string("\x30\x82\x00\x01", 4) + "d";
  EXPECT_THAT(SplitCertificates(one + two + std::string(9, '\xff')), ElementsAre(one, two));
  EXPECT_THAT(SplitCertificates(one + two.substr(0, 4)), ElementsAre(one));
  EXPECT_THAT(SplitCertificates(std::string(20, '\0')), IsEmpty());
  EXPECT_THAT(SplitCertificates(""), IsEmpty());
}

}  // namespace
}  // namespace ddskey::tpm
