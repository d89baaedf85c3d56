#include "daemon/rpc/backup_codec.h"

#include <gtest/gtest.h>

#include <string>

#include "test/support/status_matchers.h"

namespace ddskey {
namespace {

using test::StatusIs;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

KeyGeneration Generation(uint32_t number, GenerationState state) {
  KeyGeneration generation;
  generation.number = number;
  generation.state = state;
  generation.uuid = "u-" + std::to_string(number);
  generation.backend_uuid = "b";
  generation.algorithm = KeyAlgorithm::kRsa3072;
  generation.purpose = KeyPurpose::kDigest;
  generation.blob = std::string("\0blob", 5);
  generation.public_key = "public";
  generation.certificate_chain = "chain";
  generation.created = absl::FromUnixMicros(1'700'000'000'123'456);
  generation.imported = state == GenerationState::kOld;
  generation.left_custody = state == GenerationState::kCurrent;
  if (state == GenerationState::kOld) generation.replaced = absl::FromUnixMicros(1'700'000'001'123'456);
  return generation;
}

Identity Whole() {
  Identity identity = {.name = *KeyName::Parse("talker"),
                       .deleted = true,
                       .generations = {Generation(1, GenerationState::kOld), Generation(4, GenerationState::kCurrent),
                                       Generation(5, GenerationState::kNext)},
                       .trust = {},
                       .uuid = "u-0",
                       .disabled = true};
  identity.trust = {.anchors = "anchors",
                    .revocation_lists = {{"issuer", "key", "1f", "list"}},
                    .options = {Strictness::kRequire, Strictness::kWarn, Strictness::kIgnore},
                    .permissions_sha256 = std::string("\0digest", 7),
                    .keep_pem_text = true,
                    .ocsp_response = "response"};
  return identity;
}

TEST(BackupCodecTest, LosesNothing) {
  const v1::BackupIdentity encoded = EncodeIdentity(Whole(), {{"a", "other", "tpm2"}, {"b", "tpm", "tpm2"}});
  ASSERT_OK_AND_ASSIGN(const DecodedIdentity decoded, DecodeIdentity(encoded));
  const Identity& identity = decoded.identity;
  EXPECT_EQ(identity.name.text(), "talker");
  EXPECT_EQ(identity.uuid, "u-0");
  EXPECT_TRUE(identity.deleted);
  EXPECT_TRUE(identity.disabled);
  ASSERT_EQ(identity.generations.size(), 3U);
  ASSERT_EQ(decoded.backends.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    const KeyGeneration before = Whole().generations[i];
    const KeyGeneration& after = identity.generations[i];
    EXPECT_EQ(after.number, before.number);
    EXPECT_EQ(after.state, before.state);
    EXPECT_EQ(after.uuid, before.uuid);
    EXPECT_EQ(after.algorithm, before.algorithm);
    EXPECT_EQ(after.purpose, before.purpose);
    EXPECT_EQ(after.blob, before.blob);
    EXPECT_EQ(after.public_key, before.public_key);
    EXPECT_EQ(after.certificate_chain, before.certificate_chain);
    EXPECT_EQ(after.created, before.created);
    EXPECT_EQ(after.replaced, before.replaced);
    EXPECT_EQ(after.imported, before.imported);
    EXPECT_EQ(after.left_custody, before.left_custody);
    EXPECT_EQ(decoded.backends[i].name, "tpm");
    EXPECT_EQ(decoded.backends[i].kind, "tpm2");
  }
  EXPECT_EQ(identity.trust.anchors, "anchors");
  ASSERT_EQ(identity.trust.revocation_lists.size(), 1U);
  EXPECT_EQ(identity.trust.revocation_lists[0].authority_key, "key");
  EXPECT_EQ(identity.trust.revocation_lists[0].number, "1f");
  EXPECT_EQ(identity.trust.revocation_lists[0].pem, "list");
  EXPECT_EQ(identity.trust.options, Whole().trust.options);
  EXPECT_EQ(identity.trust.permissions_sha256, Whole().trust.permissions_sha256);
  EXPECT_TRUE(identity.trust.keep_pem_text);
  EXPECT_EQ(identity.trust.ocsp_response, "response");
  EXPECT_EQ(EncodeIdentity(identity, {}).generations(1).backend_name(), "");
}

TEST(BackupCodecTest, RefusesValuesThatThereAreNot) {
  const v1::BackupIdentity good = EncodeIdentity(Whole(), {});
  ASSERT_OK(DecodeIdentity(good).status());
  v1::BackupIdentity bad = good;
  bad.set_name("no name");
  EXPECT_THAT(DecodeIdentity(bad).status(), StatusIs(kInvalid));
  bad = good;
  bad.mutable_generations(0)->set_algorithm("dsa");
  EXPECT_THAT(DecodeIdentity(bad).status(), StatusIs(kInvalid));
  bad = good;
  bad.mutable_generations(0)->set_purpose("any");
  EXPECT_THAT(DecodeIdentity(bad).status(), StatusIs(kInvalid));
  for (const uint32_t state : {0U, 4U}) {
    bad = good;
    bad.mutable_generations(0)->set_state(state);
    EXPECT_THAT(DecodeIdentity(bad).status(), StatusIs(kInvalid));
  }
  bad = good;
  bad.set_key_usage(v1::STRICTNESS_UNSPECIFIED);
  EXPECT_THAT(DecodeIdentity(bad).status(), StatusIs(kInvalid));
}

}  // namespace
}  // namespace ddskey
