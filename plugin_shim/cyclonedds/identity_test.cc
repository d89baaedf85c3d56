#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "test/support/fake_daemon_fixture.h"

namespace ddskey::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using IdentityTest = FakeDaemonFixture;

TEST_F(IdentityTest, BringsTheDocumentsOfTheQosToTheDaemon) {
  const std::string trusted = folder_.File("trusted");
  std::filesystem::create_directory(trusted);
  folder_.Write("trusted/1.pem", "another CA");
  folder_.Write("trusted/2.pem", "identity CA");
  PluginParticipant::Options options = OptionsOf("talker", 0x01);
  options.properties["dds.sec.auth.private_key"] = "file:" + folder_.Write("key.pem", "ddskey:talker\n");
  options.properties["dds.sec.auth.identity_certificate"] = "file:" + folder_.Write("cert.pem", "certificate");
  options.properties["dds.sec.auth.identity_ca"] = "data:,identity CA";
  options.properties["org.eclipse.cyclonedds.sec.auth.crl"] = "data:,revoked";
  options.properties["dds.sec.auth.trusted_ca_dir"] = trusted;
  options.properties["dds.sec.auth.password"] = "ignored";
  options.domain = 42;
  const auto participant = Create(options);
  ASSERT_NE(participant, nullptr);

  const auto identity = service_.last_identity();
  EXPECT_EQ(identity.key_name(), "talker");
  EXPECT_EQ(identity.identity_certificate(), "certificate");
  EXPECT_THAT(identity.identity_ca(), ElementsAre("identity CA", "another CA"));
  EXPECT_THAT(identity.revocation_list(), ElementsAre("revoked"));
  EXPECT_EQ(identity.domain_id(), 42u);
  EXPECT_EQ(identity.candidate_guid(), GuidOctets(options.candidate));
}

TEST_F(IdentityTest, TakesTheGuidAndTheTokenOfTheDaemon) {
  const auto participant = Create(OptionsOf("talker", 0x01));
  EXPECT_EQ(participant->guid()[0], 0x81);
  EXPECT_EQ(participant->identity_token().class_id(), "DDS:Auth:PKI-DH:1.0");
  EXPECT_EQ(participant->identity_token().Property("dds.cert.sn"), "CN=talker");
  EXPECT_EQ(participant->identity_token().get()->properties._buffer[0].propagate, 0);
}

TEST_F(IdentityTest, BringsTheChosenKeyAgreementToTheDaemonByWhicheverName) {
  Create(OptionsOf("talker", 0x01));
  EXPECT_EQ(service_.last_identity().key_agreement(), v1::KEY_AGREEMENT_CHOICE_UNSPECIFIED);
  for (const char* name : {"dds.sec.auth.builtin.PKI-DH.preferred_key_agreement",
                           "com.rti.serv.secure.authentication.shared_secret_algorithm",
                           "com.rti.serv.secure.authentication.key_establishment_algorithm", "ddskey.key_agreement"}) {
    PluginParticipant::Options options = OptionsOf("talker", 0x01);
    options.properties[name] = "DH";
    Create(options);
    EXPECT_EQ(service_.last_identity().key_agreement(), v1::KEY_AGREEMENT_CHOICE_DH) << name;
  }
  PluginParticipant::Options options = OptionsOf("talker", 0x01);
  options.properties["com.rti.serv.secure.authentication.shared_secret_algorithm"] = "dh";
  options.properties["ddskey.key_agreement"] = "ECDH-only";
  Create(options);
  EXPECT_EQ(service_.last_identity().key_agreement(), v1::KEY_AGREEMENT_CHOICE_ECDH_ONLY) << "ours comes first";
}

TEST_F(IdentityTest, SaysWhatIsWrongWithTheConfiguration) {
  const PluginParticipant::Options good = OptionsOf("talker", 0x01);
  const auto with = [&good](const std::string& name, const std::string& value) {
    PluginParticipant::Options options = good;
    options.properties[name] = value;
    return options;
  };
  const auto without = [&good](const std::string& name) {
    PluginParticipant::Options options = good;
    options.properties.erase(name);
    return options;
  };
  EXPECT_THAT(Refusal(without("dds.sec.auth.private_key")),
              AllOf(HasSubstr("dds.sec.auth.private_key"), HasSubstr("ddskey:NAME")));
  EXPECT_THAT(Refusal(without("dds.sec.auth.identity_certificate")),
              AllOf(HasSubstr("dds.sec.auth.identity_certificate"), HasSubstr("ddskey:talker")));
  const std::string pem = "data:,-----BEGIN PRIVATE KEY-----\nMIIsecret\n-----END PRIVATE KEY-----\n";
  EXPECT_THAT(Refusal(with("dds.sec.auth.private_key", pem)),
              AllOf(HasSubstr("ddskeyctl key create"), Not(HasSubstr("MIIsecret"))));
  EXPECT_THAT(Refusal(with("dds.sec.auth.identity_certificate", "file:/nonexistent")), HasSubstr("No such file"));
  EXPECT_THAT(Refusal(with("dds.sec.auth.identity_certificate", "data:," + std::string(20'000, 'x'))),
              HasSubstr("larger than"));
  EXPECT_THAT(Refusal(with("dds.sec.auth.identity_ca", "data:," + std::string(70'000, 'x'))), HasSubstr("larger than"));
  EXPECT_THAT(Refusal(with("dds.sec.auth.trusted_ca_dir", "/nonexistent")), HasSubstr("/nonexistent"));
  EXPECT_THAT(Refusal(with("ddskey.connect_timeout_ms", "soon")), HasSubstr("ddskey.connect_timeout_ms"));
  EXPECT_THAT(Refusal(with("ddskey.key_agreement", "RSA")),
              AllOf(HasSubstr("ddskey.key_agreement"), HasSubstr("DH-ONLY")));
  EXPECT_EQ(service_.Calls("ValidateLocalIdentity"), 0);
}

TEST_F(IdentityTest, SaysInOneSentenceThatTheDaemonIsAbsentAndWaitsNoLongerThanSet) {
  service_.Stop();
  PluginParticipant::Options options = OptionsOf("talker", 0x01);
  options.properties["ddskey.connect_timeout_ms"] = "300";
  const auto begin = std::chrono::steady_clock::now();
  const std::string error = Refusal(options);
  const auto waited = std::chrono::steady_clock::now() - begin;
  EXPECT_THAT(error, AllOf(HasSubstr("ddskey:talker"), HasSubstr(socket_), HasSubstr("systemctl status ddskeyd"),
                           HasSubstr("DDSKEY_SOCKET"), HasSubstr("300 ms"), Not(HasSubstr("\n"))));
  EXPECT_GE(waited, std::chrono::milliseconds(300));
  EXPECT_LT(waited, std::chrono::seconds(5));
}

TEST_F(IdentityTest, AStoppedDaemonCostsNoMoreThanTheTimeSet) {
  service_.Stall(true);
  PluginParticipant::Options options = OptionsOf("talker", 0x01);
  options.properties["ddskey.connect_timeout_ms"] = "200";
  EXPECT_THAT(Refusal(options), AllOf(HasSubstr("did not answer in time"), HasSubstr(socket_)));
}

TEST_F(IdentityTest, WaitsForADeviceThatIsBusy) {
  service_.Fail("ValidateLocalIdentity", grpc::StatusCode::UNAVAILABLE, "the device is busy", 2);
  EXPECT_NE(Create(OptionsOf("talker", 0x01)), nullptr);
}

TEST_F(IdentityTest, PassesOnWhyTheDaemonRefuses) {
  service_.Fail("ValidateLocalIdentity", grpc::StatusCode::PERMISSION_DENIED, "no such key, or not for you");
  EXPECT_THAT(Refusal(OptionsOf("talker", 0x01)),
              AllOf(HasSubstr("ddskey:talker"), HasSubstr("no such key"), HasSubstr("ddskeyctl key list")));
  service_.Fail("ValidateLocalIdentity", grpc::StatusCode::FAILED_PRECONDITION, "the certificate has expired");
  EXPECT_THAT(Refusal(OptionsOf("talker", 0x01)), AllOf(HasSubstr("expired"), HasSubstr("ddskeyctl cert show")));
}

}  // namespace
}  // namespace ddskey::test
