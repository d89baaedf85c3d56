#include "client/ros2/migration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "test/support/pki.h"
#include "test/support/sros2_keystore.h"
#include "test/support/status_matchers.h"

namespace ddskey::ros2 {
namespace {

using ::ddskey::test::Sros2Subject;
using ::ddskey::test::StatusIs;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestKey;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr auto kCannot = absl::StatusCode::kFailedPrecondition;

std::string Pem(const TestKey& key) {
  return "-----BEGIN PUBLIC KEY-----\n" + absl::Base64Escape(key.public_key()) + "\n-----END PUBLIC KEY-----\n";
}

class MigrationTest : public ::testing::Test {
 protected:
  MigrationTest() {
    situation_.documents.identity_ca = ca_.certificate();
    situation_.documents.certificate = ca_.Issue(old_.public_key(), Sros2Subject("/a"));
    situation_.enclave.subject = "CN=/a";
    situation_.enclave.public_key = old_.public_key();
    situation_.public_key = old_.public_key();
    situation_.key_file = {.device = 1, .inode = 2, .mode = 0600, .links = 1};
    situation_.enclave.anchors = {"ca"};
    situation_.enclave.permissions = "document";
    wishes_.name = "a";
    wishes_.named = true;
    wishes_.algorithm = "ec-p256";
  }
  void Hold(const TestKey& key, const std::string& purpose = "handshake") {
    v1::Key held;
    held.set_name("a");
    held.set_state("active");
    held.set_purpose(purpose);
    held.set_public_key_pem(Pem(key));
    situation_.held = held;
  }
  std::vector<Action> Actions() const {
    std::vector<Action> actions;
    const auto plan = MakePlan(wishes_, situation_, absl::Now());
    EXPECT_OK(plan);
    if (plan.ok()) {
      for (const Step& step : plan->steps) actions.push_back(step.action);
    }
    return actions;
  }
  absl::Status Why() const { return MakePlan(wishes_, situation_, absl::Now()).status(); }

  const TestCa ca_ = TestCa::Root("identity CA");
  const TestKey old_ = TestKey::Generate();
  const TestKey new_ = TestKey::Generate();
  Wishes wishes_;
  Situation situation_;
};

TEST_F(MigrationTest, AnImportReplacesTheKeyAfterEverythingElse) {
  wishes_.import = true;
  EXPECT_THAT(Actions(), ElementsAre(Action::kImportKey, Action::kPinPermissions, Action::kInstallCertificate,
                                     Action::kCheckKey, Action::kKeepKey, Action::kReplaceKey));
  wishes_.pin_permissions = false;
  situation_.documents.revocation_lists = "list";
  wishes_.application = Application::kFastDds;
  EXPECT_THAT(Actions(),
              ElementsAre(Action::kImportKey, Action::kInstallCertificate, Action::kInstallRevocationLists,
                          Action::kCheckKey, Action::kWriteTokenFile, Action::kKeepKey, Action::kReplaceKey));
}

TEST_F(MigrationTest, ANewKeyWaitsForItsCertificate) {
  EXPECT_THAT(Actions(), ElementsAre(Action::kCreateKey, Action::kMakeRequest));
  EXPECT_TRUE(MakePlan(wishes_, situation_, absl::Now())->waits);
  Hold(new_);
  EXPECT_THAT(Actions(), ElementsAre(Action::kMakeRequest)) << "the key is there already";
  wishes_.certificate = ca_.Issue(new_.public_key(), Sros2Subject("/a"));
  EXPECT_THAT(Actions(), ElementsAre(Action::kPinPermissions, Action::kInstallCertificate, Action::kCheckKey,
                                     Action::kReplaceCertificate, Action::kKeepKey, Action::kReplaceKey));
}

TEST_F(MigrationTest, ACaAtHandMakesItOneRun) {
  wishes_.can_certify = true;
  const std::vector<Action> actions = Actions();
  ASSERT_THAT(actions, SizeIs(9));
  EXPECT_EQ(actions[2], Action::kCertify);
  EXPECT_EQ(actions[8], Action::kReplaceKey);
}

TEST_F(MigrationTest, GoesOnWhereItWasInterrupted) {
  Hold(new_);
  situation_.held_certificate = ca_.Issue(new_.public_key(), Sros2Subject("/a"));
  EXPECT_THAT(Actions(), Contains(Action::kReplaceCertificate)) << "with the certificate that the daemon has";
  situation_.documents.certificate = situation_.held_certificate;
  situation_.enclave.public_key = new_.public_key();
  situation_.kept = true;
  EXPECT_THAT(Actions(), Not(Contains(Action::kReplaceCertificate)));
  EXPECT_THAT(Actions(), Contains(Action::kReplaceKey));
}

TEST_F(MigrationTest, LooksOnlyAtWhatIsInCustodyAlready) {
  Hold(new_);
  situation_.reference = "a";
  const auto plan = MakePlan(wishes_, situation_, absl::Now());
  ASSERT_OK(plan);
  EXPECT_TRUE(plan->migrated_before);
  EXPECT_THAT(Actions(), ElementsAre(Action::kCheckKey));
  situation_.reference = "b";
  EXPECT_THAT(Why(), StatusIs(kCannot, HasSubstr("as b")));
  situation_.reference = "a";
  situation_.held.reset();
  EXPECT_THAT(Why(), StatusIs(kCannot, HasSubstr("does not have")));
}

TEST_F(MigrationTest, RefusesCertificatesThatAreNotOfTheKey) {
  wishes_.certificate = ca_.Issue(new_.public_key(), Sros2Subject("/a"));
  EXPECT_THAT(Why(), StatusIs(kCannot, HasSubstr("begin without --certificate")));
  Hold(TestKey::Generate());
  EXPECT_THAT(Why(), StatusIs(kCannot, HasSubstr("for another key")));
  Hold(new_);
  wishes_.certificate = TestCa::Root("other").Issue(new_.public_key(), Sros2Subject("/a"));
  EXPECT_THAT(Why(), StatusIs(kCannot, HasSubstr("not good under")));
  wishes_.certificate.clear();
  wishes_.import = true;
  situation_.held.reset();
  situation_.public_key = new_.public_key();
  EXPECT_THAT(Why(), StatusIs(kCannot, HasSubstr("not the certificate of the key")));
}

TEST_F(MigrationTest, S1TakesNoIdentityOfAnotherPurpose) {
  Hold(new_, "digest");
  EXPECT_THAT(Why(), StatusIs(kCannot, HasSubstr("purpose digest")));
  wishes_.application = Application::kFastDds;
  EXPECT_OK(Why());
}

TEST_F(MigrationTest, TakesNoIdentityOfSomebodyElse) {
  Hold(new_);
  situation_.held->mutable_certificate()->set_subject("CN=/b");
  EXPECT_THAT(Why(), StatusIs(kCannot, HasSubstr("CN=/b")));
  Hold(new_);
  situation_.held->set_imported(true);
  EXPECT_THAT(Why(), StatusIs(kCannot, HasSubstr("--import")));
  wishes_.import = true;
  EXPECT_THAT(Why(), StatusIs(kCannot, HasSubstr("not that of key.pem")));
  Hold(old_);
  EXPECT_OK(Why());
  situation_.held->set_state("disabled");
  EXPECT_THAT(Why(), StatusIs(kCannot, HasSubstr("disabled")));
}

TEST_F(MigrationTest, S8UsesAnIdentityThatIsThereOnlyIfItsNameWasSaid) {
  Hold(new_);
  wishes_.named = false;
  EXPECT_THAT(Why(), StatusIs(kCannot, HasSubstr("go on with --name a")));
  wishes_.named = true;
  EXPECT_OK(Why());
}

TEST_F(MigrationTest, S8NeverReplacesWhatAnIdentityTrusts) {
  Hold(new_);
  situation_.held_certificate = ca_.Issue(new_.public_key(), Sros2Subject("/a"));
  situation_.held_anchors = {"ca"};
  situation_.held_permissions = "document";
  situation_.documents.revocation_lists = "list";
  // Whoever has a copy of the identity's certificate, and CAs of his own beside the right one.
  situation_.documents.certificate = situation_.held_certificate;
  situation_.enclave.public_key = new_.public_key();
  EXPECT_THAT(Actions(), ElementsAre(Action::kCheckKey, Action::kKeepKey, Action::kReplaceKey));
  situation_.enclave.anchors = {"ca", "own"};
  EXPECT_THAT(Why(), StatusIs(kCannot, HasSubstr("other CAs")));
  situation_.enclave.anchors = {"ca"};
  situation_.enclave.permissions = "own";
  EXPECT_THAT(Why(), StatusIs(kCannot, HasSubstr("another document")));
  situation_.held_permissions.clear();
  EXPECT_THAT(Actions(), Not(Contains(Action::kPinPermissions)));
  EXPECT_THAT(MakePlan(wishes_, situation_, absl::Now())->warnings, ElementsAre(HasSubstr("any permissions")));
}

TEST_F(MigrationTest, S14TakesAReferenceForNoSignThatTheKeyIsTheEnclaves) {
  const auto knows = [&] { return MakePlan(wishes_, situation_, absl::Now())->KnowsTheIdentity(); };
  EXPECT_TRUE(knows());
  Hold(new_);
  EXPECT_TRUE(knows()) << "named, and without a certificate until now";
  situation_.held_certificate = ca_.Issue(new_.public_key(), Sros2Subject("/a"));
  EXPECT_FALSE(knows());
  situation_.reference = "a";
  EXPECT_FALSE(knows());
  situation_.reference.reset();
  Hold(old_);
  wishes_.import = true;
  EXPECT_TRUE(knows()) << "the folder has the private key";
}

TEST_F(MigrationTest, S11CertifiesNobodyAnewWhoHasOnlyACopyOfACertificate) {
  wishes_.can_certify = true;
  situation_.public_key = new_.public_key();
  EXPECT_THAT(Why(), StatusIs(kCannot, HasSubstr("leave out --ca-dir")));
}

TEST_F(MigrationTest, LeavesATokenOfSomebodyElseAlone) {
  wishes_.application = Application::kFastDds;
  situation_.token_file = "pkcs11:object=hsm\n";
  EXPECT_THAT(Why(), StatusIs(kCannot, HasSubstr("key.p11")));
  situation_.token_file = TokenUri("a") + "\n";
  EXPECT_OK(Why());
}

TEST_F(MigrationTest, WarnsOfKeysThatOthersMayHave) {
  wishes_.import = true;
  EXPECT_THAT(MakePlan(wishes_, situation_, absl::Now())->warnings, IsEmpty());
  situation_.key_file.mode = 0644;
  situation_.key_file.links = 2;
  EXPECT_THAT(MakePlan(wishes_, situation_, absl::Now())->warnings,
              ElementsAre(HasSubstr("may read"), HasSubstr("hard link")));
}

}  // namespace
}  // namespace ddskey::ros2
