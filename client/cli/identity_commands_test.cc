#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/fake_admin_client.h"
#include "test/support/temp_dir.h"

namespace ddskey::cli {
namespace {

using ::ddskey::test::ReadFile;
using ::ddskey::test::TempDir;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const char kCertificate[] = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----";

v1::KeyGeneration Generation(uint32_t number, const std::string& state, uint32_t participants) {
  v1::KeyGeneration generation;
  generation.set_number(number);
  generation.set_state(state);
  generation.set_algorithm("ec-p256");
  generation.set_backend("tpm");
  generation.set_participants(participants);
  if (state == "old") generation.set_replaced(1'790'000'000);
  if (state != "next") generation.mutable_certificate()->set_not_after(1'800'000'000 + 30 * 86'400);
  return generation;
}

v1::Key Renewed() {
  v1::Key key;
  key.set_name("talker");
  key.set_state("active");
  key.set_generation(2);
  key.mutable_certificate()->set_subject("CN=talker");
  key.mutable_certificate()->set_not_after(1'800'000'000 + 30 * 86'400);
  *key.add_generations() = Generation(1, "old", 3);
  *key.add_generations() = Generation(2, "current", 1);
  *key.add_generations() = Generation(3, "next", 0);
  return key;
}

TEST(IdentityCreateTest, MakesKeyTrustAndRequestInOne) {
  const TempDir dir;
  Script script;
  script.key = Renewed();
  const Outcome outcome = RunWith(script, {"identity", "create", "talker", "--subject", "/O=Robots/CN=talker", "--ca",
                                           dir.Write("ca.pem", kCertificate), "--algorithm=rsa-2048"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(script.create.name(), "talker");
  EXPECT_EQ(script.create.algorithm(), "rsa-2048");
  EXPECT_EQ(script.add_anchors.key_name(), "talker");
  EXPECT_EQ(script.add_anchors.anchors(), std::string(kCertificate) + "\n");
  ASSERT_EQ(script.csr.subject_size(), 2);
  EXPECT_EQ(script.csr.subject(1).value(), "talker");
  // Only the request is on the output.
  EXPECT_EQ(outcome.out, script.csr_pem);
  EXPECT_THAT(outcome.err, HasSubstr("ddskeyctl cert install talker --certificate FILE"));
}

TEST(IdentityCreateTest, MakesNothingOfWrongArguments) {
  Script script;
  EXPECT_EQ(RunWith(script, {"identity", "create", "talker"}).code, 2);
  EXPECT_EQ(RunWith(script, {"identity", "create", "talker", "--subject", "talker"}).code, 2);
  EXPECT_EQ(RunWith(script, {"identity", "create", "talker", "--subject", "/CN=t", "--purpose", "derive"}).code, 2);
  EXPECT_EQ(RunWith(script, {"identity", "create", "talker", "--subject", "/CN=t", "--algorithm", "rsa"}).code, 2);
  EXPECT_EQ(RunWith(script, {"identity", "create", "talker", "--subject", "/CN=t", "--ca", "/absent"}).code, 1);
  EXPECT_EQ(script.calls, 0);
}

TEST(IdentityRenewTest, MakesTheNextKeyAndWritesItsRequest) {
  const TempDir dir;
  Script script;
  script.key = Renewed();
  const Outcome outcome = RunWith(script, {"identity", "renew", "talker", "--algorithm", "rsa-2048", "--backend", "tpm",
                                           "--out", dir.File("next.csr")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(script.renew.algorithm(), "rsa-2048");
  EXPECT_EQ(script.renew.backend(), "tpm");
  EXPECT_EQ(ReadFile(dir.File("next.csr")), script.csr_pem);
  EXPECT_THAT(outcome.out, HasSubstr("ddskeyctl identity renew talker --certificate FILE"));
  EXPECT_EQ(RunWith(script, {"identity", "renew", "talker"}).out, script.csr_pem);
  EXPECT_EQ(script.renew.algorithm(), "");
}

TEST(IdentityRenewTest, PutsTheNextKeyInForceOrGivesItUp) {
  const TempDir dir;
  Script script;
  script.key = Renewed();
  const std::string file = dir.Write("next.pem", kCertificate);
  const Outcome outcome = RunWith(script, {"identity", "renew", "talker", "--certificate", file});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(script.complete.certificate_chain(), kCertificate);
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("use generation 2"), HasSubstr("identity rollback talker")));
  EXPECT_EQ(RunWith(script, {"identity", "renew", "talker", "--abandon"}).code, 0);
  EXPECT_THAT(script.others, ElementsAre("AbandonRenewal talker"));
}

TEST(IdentityRenewTest, DoesOneThingAtATime) {
  Script script;
  EXPECT_EQ(RunWith(script, {"identity", "renew", "t", "--abandon", "--out", "f"}).code, 2);
  EXPECT_EQ(RunWith(script, {"identity", "renew", "t", "--abandon", "--certificate", "f"}).code, 2);
  EXPECT_EQ(RunWith(script, {"identity", "renew", "t", "--algorithm", "ec-p256", "--certificate", "f"}).code, 2);
  EXPECT_EQ(RunWith(script, {"identity", "renew", "t", "--algorithm", "rsa"}).code, 2);
  EXPECT_EQ(script.calls, 0);
}

TEST(IdentityRollbackTest, SaysWhichGenerationIsInForce) {
  Script script;
  script.key = Renewed();
  EXPECT_THAT(RunWith(script, {"identity", "rollback", "talker"}).out, HasSubstr("use generation 2 again"));
  EXPECT_THAT(script.others, ElementsAre("RollBackIdentity talker"));
}

TEST(IdentityStateTest, DisablesAtOnceAndEnables) {
  Script script;
  script.key = Renewed();
  EXPECT_EQ(RunWith(script, {"identity", "disable", "talker"}).code, 0);
  EXPECT_EQ(script.set_state.state(), v1::IDENTITY_STATE_DISABLED);
  EXPECT_EQ(RunWith(script, {"identity", "enable", "talker"}).code, 0);
  EXPECT_EQ(script.set_state.state(), v1::IDENTITY_STATE_ENABLED);
}

TEST(IdentityShowTest, CountsTheParticipantsOfEachGeneration) {
  Script script;
  script.key = Renewed();
  const std::string out = RunWith(script, {"identity", "show", "talker"}).out;
  EXPECT_THAT(out, HasSubstr("1           old, replaced 2026-09-21 14:13:20 UTC  ec-p256    tpm      3  "));
  EXPECT_THAT(out, HasSubstr("3           next                                   ec-p256    tpm      0             no "
                             "certificate\n"));
  EXPECT_THAT(out, HasSubstr("No identity CA."));
}

TEST(IdentityShowTest, S12SaysWhichKeysAreNotInCustodyAlone) {
  Script script;
  script.key = Renewed();
  script.key.mutable_generations(0)->set_imported(true);
  script.key.mutable_generations(0)->set_left_custody(true);
  script.key.set_left_custody(true);
  const std::string out = RunWith(script, {"identity", "show", "talker"}).out;
  EXPECT_THAT(out, HasSubstr("1           old, replaced 2026-09-21 14:13:20 UTC, imported, left custody  ec-p256"));
  EXPECT_THAT(out, HasSubstr("Custody:      left custody"));
}

TEST(IdentityListTest, SaysWhatThereIsBesidesTheCurrentGeneration) {
  Script script;
  script.keys = {Renewed()};
  EXPECT_THAT(RunWith(script, {"identity", "list"}).out, HasSubstr("old 1 next 3 (3 participants)"));
  script.keys = {};
  EXPECT_THAT(RunWith(script, {"identity", "list"}).out, HasSubstr("ddskeyctl identity create"));
}

TEST(IdentityDeleteTest, AsksAsForAKey) {
  Script script;
  EXPECT_EQ(RunWith(script, {"identity", "delete", "talker"}).code, 2);
  EXPECT_EQ(script.calls, 0);
  EXPECT_EQ(RunWith(script, {"identity", "delete", "talker", "--yes"}).code, 0);
  EXPECT_EQ(script.remove.name(), "talker");
}

}  // namespace
}  // namespace ddskey::cli
