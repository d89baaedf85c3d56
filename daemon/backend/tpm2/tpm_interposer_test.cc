// What somebody learns and can do who sits on the bus between processor and TPM (threat model A-6, M-30).

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tss2/tss2_tpm2_types.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "daemon/backend/derive_secret.h"
#include "daemon/backend/tpm2/key_blob.h"
#include "daemon/backend/tpm2/tpm_fixture.h"
#include "test/support/status_matchers.h"

namespace ddskey::tpm {
namespace {

using test::StatusIs;
using ::testing::HasSubstr;

constexpr size_t kHeader = 10;
// Where the code of an answer is.
constexpr size_t kCode = 6;

class TpmInterposerTest : public TpmFixture {
 protected:
  bool WasSeen(const std::string& octets) const {
    const auto traffic = tap_->traffic();
    return std::any_of(traffic.begin(), traffic.end(),
                       [&](const std::string& message) { return message.find(octets) != std::string::npos; });
  }
  // FlipOnce flips a bit of the octet at `position` of the next good answer to `command`, if it is that long, which is
  // returned.
  std::shared_ptr<bool> FlipOnce(TPM2_CC command, size_t position) {
    auto there = std::make_shared<bool>(true);
    tap_->SetChange([=, done = false](TPM2_CC answered, std::span<uint8_t> answer) mutable {
      // The refusal that follows a made-up one does not count.
      if (done || answered != command || answer.size() <= kHeader) return;
      done = true;
      *there = position < answer.size();
      if (*there) answer[position] ^= 1;
    });
    return there;
  }
};

TEST_F(TpmInterposerTest, S12TheBusShowsNeitherAuthorisationValuesNorDigests) {
  ASSERT_TRUE(MakeStorageRoot(kStorageAttributes, {"-p", "root password"}));
  ASSERT_EQ(Tool({"tpm2_changeauth", "-c", "o", "owner password"}), 0);
  adjust_ = [](TpmBackend::Options& options) {
    options.parent_auth.owner = Secret("owner password");
    options.parent_auth.storage_root = Secret("root password");
  };
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  ASSERT_OK(Sign(key, 7));
  const KeyBlob blob = *ParseBlob(key.blob);
  SecretSource source;
  source.file = dir_.File("secret");
  const SecretBytes value = *DeriveSecret(*library_, LoadSecret(source)->value, blob.salt, "ddskey/tpm2/auth/1");
  const std::span<const uint8_t> octets = value.Reveal(SecretAccess());
  EXPECT_FALSE(WasSeen(std::string(octets.begin(), octets.end())));
  EXPECT_FALSE(WasSeen(Digest(7)));
  EXPECT_FALSE(WasSeen("owner password"));
  EXPECT_FALSE(WasSeen("root password"));
  // That the record is one.
  const TPM2B_ECC_PARAMETER& x = blob.public_area.publicArea.unique.ecc.x;
  EXPECT_TRUE(WasSeen(std::string(x.buffer, x.buffer + x.size)));
}

TEST_F(TpmInterposerTest, S12TheOwnersValueIsNotShownWhenThereIsNoKeyToSaltTo) {
  ASSERT_EQ(Tool({"tpm2_changeauth", "-c", "o", "owner password"}), 0);
  adjust_ = [](TpmBackend::Options& options) { options.parent_auth.owner = Secret("owner password"); };
  Make();
  ASSERT_OK(Create());
  EXPECT_EQ(tap_->count(TPM2_CC_CreatePrimary), 1);
  EXPECT_FALSE(WasSeen("owner password"));
}

TEST_F(TpmInterposerTest, S12NoCommandOnAKeyPassesWithoutASession) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  ASSERT_OK(Sign(key));
  int seen = 0;
  for (const std::string& message : tap_->traffic()) {
    const std::string code = message.substr(kCode, 4);
    if (code != std::string("\0\0\1\x53", 4) && code != std::string("\0\0\1\x57", 4) &&
        code != std::string("\0\0\1\x5d", 4)) {
      continue;
    }
    ++seen;
    // Tag, then behind the one handle and the size of the authorisations the handle of an HMAC session.
    EXPECT_EQ(message.substr(0, 2), "\x80\x02");
    EXPECT_EQ(message[kHeader + 8], TPM2_HT_HMAC_SESSION);
  }
  EXPECT_EQ(seen, 3);
}

TEST_F(TpmInterposerTest, S12NoChangedAnswerToASignatureIsAccepted) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  ASSERT_OK(Sign(key));
  size_t position = 0;
  for (;; ++position) {
    const auto there = FlipOnce(TPM2_CC_Sign, position);
    const int asked = tap_->count(TPM2_CC_Sign);
    const auto signature = Sign(key, static_cast<int>(position % 100));
    if (!*there) break;
    // A refusal carries no proof, so one can be made up; but nothing else. The header itself means nothing.
    const bool refusal = position >= kCode && position < kHeader;
    EXPECT_TRUE(signature.ok() || refusal) << position << ": " << signature.status();
    EXPECT_TRUE(position < kHeader || tap_->count(TPM2_CC_Sign) >= asked + 2) << position << " was accepted";
  }
  EXPECT_GT(position, 150u);
}

TEST_F(TpmInterposerTest, S12NoChangedAnswerToACreationIsAccepted) {
  Make(dir_.File("secret"));
  ASSERT_OK(Create());
  size_t position = 0;
  for (;; position += 7) {
    const auto there = FlipOnce(TPM2_CC_Create, position);
    const int asked = tap_->count(TPM2_CC_Create);
    const auto key = Create();
    if (!*there) break;
    const bool refusal = position >= kCode && position < kHeader;
    EXPECT_TRUE(key.ok() || refusal) << position << ": " << key.status();
    EXPECT_TRUE(position < kHeader || tap_->count(TPM2_CC_Create) >= asked + 2) << position << " was accepted";
    if (!key.ok()) continue;
    EXPECT_OK(Sign(*key)) << position;
  }
  EXPECT_GT(position, 300u);
}

TEST_F(TpmInterposerTest, S12NoChangedAnswerToALoadGivesAWrongSignature) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  for (size_t position = 0;; ++position) {
    Make(dir_.File("secret"));
    const auto there = FlipOnce(TPM2_CC_Load, position);
    const auto signature = Sign(key);
    if (!*there) break;
    // The handle in an answer is not authenticated, but the name behind it is at its first use.
    EXPECT_TRUE(signature.ok() || (position >= kCode && position < kHeader)) << position << ": " << signature.status();
  }
}

TEST_F(TpmInterposerTest, S12ChangedCommandsSignNothingElse) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  ASSERT_OK(Sign(key));
  bool there = true;
  int signed_again = 0;
  for (size_t position = 0; there; position += 3) {
    tap_->SetCommandChange([&, done = false](TPM2_CC code, std::span<uint8_t> command) mutable {
      if (done || code != TPM2_CC_Sign) return;
      done = true;
      there = position < command.size();
      if (there) command[position] ^= 1;
    });
    // The TPM may find the command not well formed, which is an error; a signature is checked against its digest by
    // the fixture, and was made by another command.
    const int asked = tap_->count(TPM2_CC_Sign);
    const auto signature = Sign(key, static_cast<int>(position % 100));
    if (signature.ok() && there) {
      ++signed_again;
      EXPECT_GE(tap_->count(TPM2_CC_Sign), asked + 2) << position;
    }
    tap_->SetCommandChange(nullptr);
    EXPECT_OK(Sign(key)) << position;
  }
  EXPECT_GT(signed_again, 30);
}

TEST_F(TpmInterposerTest, S12AReplayedAnswerIsRefused) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  std::vector<uint8_t> first;
  bool replayed = false;
  tap_->SetChange([&](TPM2_CC command, std::span<uint8_t> answer) {
    if (command != TPM2_CC_Sign) return;
    if (first.empty()) {
      first.assign(answer.begin(), answer.end());
    } else if (!replayed && first.size() == answer.size()) {
      replayed = true;
      std::copy(first.begin(), first.end(), answer.begin());
    }
  });
  for (int i = 0; i < 20 && !replayed; ++i) ASSERT_OK(Sign(key, i));
  tap_->SetChange(nullptr);
  ASSERT_TRUE(replayed);
  EXPECT_EQ(tap_->count(TPM2_CC_StartAuthSession), 2);
  EXPECT_EQ(backend_->Health().signatures + 1, static_cast<uint64_t>(tap_->count(TPM2_CC_Sign)));
}

TEST_F(TpmInterposerTest, S12ASessionWhoseBeginningWasChangedIsOfNoUse) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  // Handle, size of the nonce, nonce.
  for (const size_t position : {13u, 11u, 15u, 16u, 40u}) {
    Make(dir_.File("secret"));
    FlipOnce(TPM2_CC_StartAuthSession, position);
    EXPECT_OK(Sign(key)) << position;
    EXPECT_GE(tap_->count(TPM2_CC_StartAuthSession), 2);
  }
}

TEST_F(TpmInterposerTest, S12ASubstitutedStorageRootGetsNeitherKeysNorSecrets) {
  Make(dir_.File("secret"));
  ASSERT_OK_AND_ASSIGN(const SealedKey key, Create());
  adjust_ = [&key](TpmBackend::Options& options) { options.blobs = {key.blob}; };
  // The interposer's own point: any other than the TPM's.
  tap_->SetChange([](TPM2_CC command, std::span<uint8_t> answer) {
    if (command == TPM2_CC_CreatePrimary && answer.size() > 60) answer[60] ^= 1;
  });
  Make(dir_.File("secret"));
  const int sessions = tap_->count(TPM2_CC_StartAuthSession);
  EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("between it and us")));
  EXPECT_THAT(Sign(key), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(tap_->count(TPM2_CC_StartAuthSession), sessions) << "nothing is salted to it";
  tap_->SetChange(nullptr);
  Make(dir_.File("secret"));
  EXPECT_OK(Sign(key));
}

}  // namespace
}  // namespace ddskey::tpm
