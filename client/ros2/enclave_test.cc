#include "client/ros2/enclave.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_replace.h"
#include "client/ros2/signed_document.h"
#include "test/support/sros2_keystore.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey::ros2 {
namespace {

using ::ddskey::test::ReadFile;
using ::ddskey::test::Sros2Keystore;
using ::ddskey::test::Sros2Subject;
using ::ddskey::test::StatusIs;
using ::ddskey::test::TestKey;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kCannot = absl::StatusCode::kFailedPrecondition;
constexpr auto kWrong = absl::StatusCode::kInvalidArgument;
constexpr char kName[] = "/talker_listener/talker";

class EnclaveTest : public ::testing::Test {
 protected:
  static Documents Read(const Sros2Keystore& keystore) {
    const std::string folder = keystore.AddEnclave(kName) + "/";
    return {.certificate = ReadFile(folder + "cert.pem"),
            .identity_ca = ReadFile(folder + "identity_ca.cert.pem"),
            .permissions_ca = ReadFile(folder + "permissions_ca.cert.pem"),
            .governance = ReadFile(folder + "governance.p7s"),
            .permissions = ReadFile(folder + "permissions.p7s"),
            .revocation_lists = ""};
  }
  absl::Status Verify() const { return VerifyEnclave(documents_, false, absl::Now()).status(); }

  const test::TempDir dir_;
  const Sros2Keystore keystore_{dir_.path(), false};
  Documents documents_ = Read(keystore_);
};

TEST_F(EnclaveTest, TakesWhatSros2Makes) {
  ASSERT_OK_AND_ASSIGN(const Enclave enclave, VerifyEnclave(documents_, false, absl::Now()));
  EXPECT_EQ(enclave.subject, "CN=/talker_listener/talker");
  EXPECT_THAT(enclave.warnings, IsEmpty());
  EXPECT_EQ(NameFor(enclave).value(), "talker_listener.talker");
}

TEST_F(EnclaveTest, RefusesOneKeyForBothCasUnlessTold) {
  const test::TempDir other;
  documents_ = Read(Sros2Keystore(other.path(), true));
  EXPECT_THAT(Verify(), StatusIs(kCannot, HasSubstr("--allow-one-ca")));
  ASSERT_OK_AND_ASSIGN(const Enclave enclave, VerifyEnclave(documents_, true, absl::Now()));
  EXPECT_THAT(enclave.warnings, SizeIs(1));
}

TEST_F(EnclaveTest, RefusesTheSameKeyInAnotherCertificateOfTheCa) {
  // Two certificates of one key are one CA.
  documents_.permissions_ca =
      keystore_.identity_ca().Issue(keystore_.identity_ca().key().public_key(), Sros2Subject("x"));
  EXPECT_THAT(Verify(), StatusIs(kCannot, HasSubstr("--allow-one-ca")));
}

TEST_F(EnclaveTest, RefusesCertificatesThatAreNotGood) {
  const std::string key = TestKey::Generate().public_key();
  documents_.certificate = keystore_.permissions_ca().Issue(key, Sros2Subject(kName));
  EXPECT_THAT(Verify(), StatusIs(kCannot, HasSubstr("cert.pem: it is not good under identity_ca.cert.pem")));
  test::CertificateOptions options = Sros2Subject(kName);
  options.not_before = absl::Now() + absl::Hours(1);
  documents_.certificate = keystore_.identity_ca().Issue(key, options);
  EXPECT_THAT(Verify(), StatusIs(kCannot, HasSubstr("not yet valid")));
  options.not_before = absl::Now() - absl::Hours(2);
  options.not_after = absl::Now() - absl::Hours(1);
  documents_.certificate = keystore_.identity_ca().Issue(key, options);
  EXPECT_THAT(Verify(), StatusIs(kCannot, HasSubstr("has expired")));
  documents_.certificate = "nothing";
  EXPECT_THAT(Verify(), StatusIs(kWrong, HasSubstr("cert.pem")));
}

TEST_F(EnclaveTest, RefusesDocumentsThatThePermissionsCaHasNotSigned) {
  const std::string good = documents_.permissions;
  documents_.permissions = absl::StrReplaceAll(good, {{"rt/*", "qq/*"}});
  EXPECT_THAT(Verify(), StatusIs(kCannot, HasSubstr("permissions.p7s: the permissions CA has not signed it")));
  documents_.permissions = keystore_.identity_ca().SignDocument("<grant/>");
  EXPECT_THAT(Verify(), StatusIs(kCannot, HasSubstr("permissions.p7s: the permissions CA has not signed it")));
  documents_.permissions = ReadFile(keystore_.folder() + "/enclaves/governance.xml");
  EXPECT_THAT(Verify(), StatusIs(kWrong, HasSubstr("permissions.p7s: it is no signed document")));
  documents_.permissions = good;
  documents_.governance = keystore_.identity_ca().SignDocument("governance");
  EXPECT_THAT(Verify(), StatusIs(kCannot, HasSubstr("governance.p7s")));
}

TEST_F(EnclaveTest, RefusesPermissionsOfSomebodyElse) {
  documents_.permissions = keystore_.SignedPermissions("CN=/listener");
  EXPECT_THAT(Verify(), StatusIs(kCannot, HasSubstr("but to CN=/listener")));
  documents_.permissions = keystore_.permissions_ca().SignDocument("<dds/>");
  EXPECT_THAT(Verify(), StatusIs(kWrong, HasSubstr("no grant")));
}

TEST_F(EnclaveTest, HoldsANewCertificateToKeySubjectAndCa) {
  ASSERT_OK_AND_ASSIGN(const Enclave enclave, VerifyEnclave(documents_, false, absl::Now()));
  const std::string key = TestKey::Generate().public_key();
  const auto verify = [&](const test::TestCa& ca, const std::string& of, const std::string& name) {
    return VerifyCertificate(ca.Issue(of, Sros2Subject(name)), "new.pem", key, enclave, documents_.identity_ca,
                             absl::Now());
  };
  EXPECT_OK(verify(keystore_.identity_ca(), key, kName));
  EXPECT_THAT(verify(keystore_.identity_ca(), TestKey::Generate().public_key(), kName),
              StatusIs(kCannot, HasSubstr("another key")));
  EXPECT_THAT(verify(keystore_.identity_ca(), key, "/other"), StatusIs(kCannot, HasSubstr("CN=/other")));
  EXPECT_THAT(verify(keystore_.permissions_ca(), key, kName), StatusIs(kCannot, HasSubstr("new.pem")));
}

TEST(NameForTest, MakesKeyNamesOfCommonNames) {
  const auto name = [](const std::string& common_name) {
    Enclave enclave;
    enclave.attributes = {{"O", "Robots"}, {"CN", common_name}};
    return NameFor(enclave);
  };
  EXPECT_EQ(name("/arm/left_1").value(), "arm.left_1");
  EXPECT_EQ(name("talker 7;x").value(), "talker-7-x");
  EXPECT_THAT(name("/"), StatusIs(kWrong, HasSubstr("--name")));
  EXPECT_THAT(name(std::string(64, 'a')), StatusIs(kWrong, HasSubstr("--name")));
}

TEST(GrantsTest, AreReadAsTheyAreWritten) {
  ASSERT_OK_AND_ASSIGN(const std::vector<Grant> grants, ReadGrants(R"(<permissions>
    <!-- <grant><subject_name>CN=hidden</subject_name></grant> -->
    <grant name="a"><subject_name> CN=a &amp; b, O=Lab </subject_name>
      <validity><not_before>2020-01-01T00:00:00</not_before><not_after>2030-01-01T00:00:00Z</not_after></validity></grant>
    <grant><subject_name>CN=c</subject_name></grant></permissions>)"));
  ASSERT_THAT(grants, SizeIs(2));
  EXPECT_EQ(grants[0].subject_name, "CN=a & b, O=Lab");
  EXPECT_EQ(grants[0].not_after, absl::FromCivil(absl::CivilDay(2030, 1, 1), absl::UTCTimeZone()));
  EXPECT_EQ(grants[1].not_after, absl::InfiniteFuture());
  EXPECT_THAT(ReadGrants("<grant name=\"a\"></grant>"), StatusIs(kWrong));
  EXPECT_THAT(ReadGrants("<grant><not_after>soon</not_after><subject_name>CN=a</subject_name></grant>"),
              StatusIs(kWrong, HasSubstr("soon")));
}

TEST(SameSubjectTest, LooksAtAttributesAndNotAtSpace) {
  EXPECT_TRUE(SameSubject("CN=a,O=Lab", "CN=a, O = Lab"));
  EXPECT_TRUE(SameSubject("CN=a,O=Lab", "O=Lab,CN=a"));
  EXPECT_FALSE(SameSubject("CN=a,O=Lab", "CN=a"));
  EXPECT_FALSE(SameSubject("CN=a\\,O=Lab", "CN=a,O=Lab"));
}

}  // namespace
}  // namespace ddskey::ros2
