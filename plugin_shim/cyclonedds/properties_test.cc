// The properties of docs/properties.md, and the sentences that it promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/support/fake_daemon_fixture.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kConnext[] = "com.rti.serv.secure.authentication.";
constexpr char kFast[] = "dds.sec.auth.builtin.PKI-DH.";
constexpr char kSecret[] = "what-nobody-should-read";

class PropertiesTest : public FakeDaemonFixture {
 protected:
  PluginParticipant::Options With(const std::string& name, const std::string& value) {
    PluginParticipant::Options options = OptionsOf("talker", 0x01);
    options.properties[name] = value;
    return options;
  }

  // What the document says in backticks about property `name`, after `becomes`; empty if it says nothing.
  std::string Documented(const std::string& name, const std::string& becomes) {
    const std::string begin = name + becomes;
    const size_t at = document_.find("| " + begin);
    if (at == std::string::npos) return "";
    return document_.substr(at + 2, document_.find(" |\n", at) - at - 2);
  }

  const std::string document_ = ReadFile("docs/properties.md");
};

TEST_F(PropertiesTest, WhatWouldNotBeDoneIsRefusedWithTheDocumentedSentence) {
  const std::vector<std::string> names = {
      kConnext + std::string("ca_file"),
      kConnext + std::string("certificate_file"),
      kConnext + std::string("private_key_file"),
      kConnext + std::string("keyform"),
      kConnext + std::string("rsa_pss_pad"),
      kConnext + std::string("participant_discovery_protection_key"),
      kConnext + std::string("subject_name_whitelist"),
      kConnext + std::string("enforce_key_usage"),
      kConnext + std::string("something_new"),
      "com.rti.serv.secure.openssl_engine",
      kFast + std::string("identity_ca"),
      kFast + std::string("identity_certificate"),
      kFast + std::string("identity_crl"),
      kFast + std::string("private_key"),
  };
  for (const std::string& name : names) {
    const std::string sentence = Documented(name, " cannot be used: ");
    ASSERT_NE(sentence, "") << name << " is not in the document";
    EXPECT_THAT(Refusal(With(name, kSecret)), AllOf(EndsWith(sentence), Not(HasSubstr(kSecret))));
  }
  EXPECT_EQ(service_.Calls("ValidateLocalIdentity"), 0);
}

TEST_F(PropertiesTest, WhatHasNoEffectIsSaidInTheLogWithTheDocumentedSentence) {
  const std::vector<std::string> names = {
      "dds.sec.auth.password",
      kConnext + std::string("private_key_password"),
      kConnext + std::string("propagate_simplified_identity_certificate"),
      "com.rti.serv.secure.files_poll_interval",
      "dds.participant.trust_plugins.authentication_timeout.sec",
      "dds.participant.trust_plugins.authentication_request_delay.sec",
      kFast + std::string("password"),
      kFast + std::string("max_handshake_requests"),
      kFast + std::string("initial_handshake_resend_period"),
      kFast + std::string("handshake_resend_period_gain"),
  };
  for (const std::string& name : names) {
    const std::string sentence = Documented(name, " has no effect: ");
    ASSERT_NE(sentence, "") << name << " is not in the document";
    EXPECT_NE(Create(With(name, kSecret)), nullptr);
    ASSERT_FALSE(Log().empty());
    EXPECT_THAT(Log().back(), AllOf(HasSubstr(sentence), Not(HasSubstr(kSecret))));
  }
}

TEST_F(PropertiesTest, WhatAsksForWhatIsDoneAnywayIsTakenInSilence) {
  EXPECT_NE(Create(With(kConnext + std::string("keyform"), "pem")), nullptr);
  EXPECT_NE(Create(With(kConnext + std::string("rsa_pss_pad"), "true")), nullptr);
  EXPECT_NE(Create(With("dds.sec.auth.password", "")), nullptr);
  EXPECT_NE(Create(With("com.rti.serv.secure.logging.verbosity", "5")), nullptr);
  EXPECT_THAT(Log(), IsEmpty());
}

TEST_F(PropertiesTest, FurtherCasAndRevocationListsOfConnextAreRead) {
  PluginParticipant::Options options = With("dds.sec.auth.identity_ca", "data:,first CA");
  options.properties[kConnext + std::string("alternative_ca_files")] =
      folder_.Write("second.pem", "second CA") + ",file:" + folder_.Write("third.pem", "third CA");
  options.properties[kConnext + std::string("crl")] = "data:,list, with a comma";
  options.properties[kConnext + std::string("crl_file")] = folder_.Write("crl.pem", "another list");
  EXPECT_NE(Create(options), nullptr);
  EXPECT_THAT(service_.last_identity().identity_ca(), ElementsAre("first CA", "second CA", "third CA"));
  EXPECT_THAT(service_.last_identity().revocation_list(), ElementsAre("list, with a comma", "another list"));
  options.properties[kConnext + std::string("crl_file")] = "/nonexistent";
  EXPECT_THAT(Refusal(options), HasSubstr("authentication.crl_file cannot be used: cannot read /nonexistent"));
}

}  // namespace
}  // namespace ddskey::test
