// What builtin plugins make of all that a participant in custody can send: a certificate chain, with text around it,
// and an OCSP response.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <map>
#include <memory>
#include <string>

#include "daemon/handshake/participant_data.h"
#include "daemon/trust/certificate.h"
#include "test/interop/secured_domain.h"
#include "test/support/ocsp.h"
#include "test/support/pki.h"
#include "test/support/plugin_host.h"
#include "test/support/plugin_session.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"

namespace ddskey::interop {
namespace {

using test::Named;
using test::PluginHost;
using test::PluginParticipant;
using test::PluginSession;
using test::TestCa;
using test::TestKey;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The builtin plugin of Cyclone DDS, through its C interface.
class ChainTest : public ::testing::Test {
 protected:
  ChainTest() {
    setenv("DDSKEY_SOCKET", daemon_.socket().c_str(), 1);
    shim_ = PluginHost::Load(test::kShimPlugin);
    builtin_ = PluginHost::Load(test::kBuiltinPlugin);
  }

  // Ours has a chain of two, its issuer's certificate by the root at the end, with text and a staple; the daemon knows
  // only the root.
  std::unique_ptr<PluginParticipant> Ours(const std::string& name, const TestCa& issuer,
                                          const std::string& certificate_of_issuer) {
    daemon_.Enroll(name, root_, Named(name));
    v1::GetKeyRequest get;
    get.set_name(name);
    const auto key = daemon_.admin().GetKey(get);
    EXPECT_OK(key.status());
    leaf_ = issuer.Issue(test::TestDaemon::PublicKeyOf(key->key()), Named(name));
    v1::SetTrustOptionsRequest options;
    options.set_key_name(name);
    options.set_keep_pem_text(true);
    EXPECT_OK(daemon_.admin().SetTrustOptions(options).status());
    v1::InstallCertificateRequest chain;
    chain.set_key_name(name);
    chain.set_certificate_chain("Bag Attributes\n" + leaf_ + "more text\n" + certificate_of_issuer);
    EXPECT_OK(daemon_.admin().InstallCertificate(chain).status());
    v1::InstallOcspResponseRequest staple;
    staple.set_key_name(name);
    staple.set_ocsp_response(test::MakeOcspResponse(issuer, {leaf_}));
    EXPECT_OK(daemon_.admin().InstallOcspResponse(staple).status());
    return Create(*shim_, name,
                  {{"dds.sec.auth.identity_ca", "data:," + root_.certificate()},
                   {"dds.sec.auth.identity_certificate", "data:," + leaf_},
                   {"dds.sec.auth.private_key", "ddskey:" + name}});
  }

  // Theirs is certified by `ca`, which it also trusts.
  std::unique_ptr<PluginParticipant> Theirs(const std::string& name, const TestCa& ca, std::string* error = nullptr) {
    const TestKey key = TestKey::Generate();
    return Create(*builtin_, name,
                  {{"dds.sec.auth.identity_ca", "data:," + ca.certificate()},
                   {"dds.sec.auth.identity_certificate", "data:," + ca.Issue(key.public_key(), Named(name))},
                   {"dds.sec.auth.private_key", "data:," + key.pem()}},
                  error);
  }

  static std::unique_ptr<PluginParticipant> Create(PluginHost& host, const std::string& name,
                                                   const std::map<std::string, std::string>& properties,
                                                   std::string* refusal = nullptr) {
    PluginParticipant::Options options;
    options.permissions = "permissions of " + name;
    options.properties.insert(properties.begin(), properties.end());
    std::string error;
    auto participant = PluginParticipant::Create(host, options, &error);
    if (refusal != nullptr) {
      *refusal = error;
    } else {
      EXPECT_NE(participant, nullptr) << error;
    }
    return participant;
  }

  bool InOrder() const {
    const auto hash = [&](const std::string& name) {
      const std::string certificate = root_.Issue(TestKey::Generate().public_key(), Named(name));
      return AdjustedGuid(Certificate::ParsePem(certificate)->front().subject_der(), Guid());
    };
    return hash("alpha") < hash("beta");
  }

  const TestCa root_ = TestCa::Root("root");
  const TestCa middle_ = root_.Intermediate("intermediate");
  test::TestDaemon daemon_;
  std::string leaf_;
  std::unique_ptr<PluginHost> shim_;
  std::unique_ptr<PluginHost> builtin_;
};

TEST_F(ChainTest, CycloneReadsTheLeafAndPassesOverTheRestInBothRoles) {
  // Builtin plugins know it by a certificate that it signed itself, the daemon by one that the root signed.
  const TestCa issuing = TestCa::Root("issuing CA");
  test::CertificateOptions crossed = Named("issuing CA");
  crossed.extensions = {{"basicConstraints", "critical,CA:TRUE"}, {"keyUsage", "critical,keyCertSign,cRLSign"}};
  const std::string by_root = root_.Issue(issuing.key().public_key(), crossed);
  for (const bool ours_initiates : {true, false}) {
    SCOPED_TRACE(ours_initiates ? "ours initiates" : "theirs initiates");
    const bool ours_is_alpha = InOrder() == ours_initiates;
    const auto ours = Ours(ours_is_alpha ? "alpha" : "beta", issuing, by_root);
    // It shows its certificate alone.
    v1::AddTrustAnchorsRequest add;
    add.set_key_name(ours_is_alpha ? "alpha" : "beta");
    add.set_anchors(issuing.certificate());
    ASSERT_OK(daemon_.admin().AddTrustAnchors(add).status());
    const auto theirs = Theirs(ours_is_alpha ? "beta" : "alpha", issuing);
    ASSERT_TRUE(ours != nullptr && theirs != nullptr);
    PluginSession our_session(*ours, *theirs);
    PluginSession their_session(*theirs, *ours);
    const auto report = RunHandshake(our_session, their_session);
    ASSERT_TRUE(report.complete) << report.failure << "\n" << daemon_.Log();
    EXPECT_EQ(report.first_initiated, ours_initiates);
    const test::Token& sent = ours_initiates ? report.request : report.reply;
    EXPECT_THAT(sent.Binary("c.id").value_or(""), StartsWith("Bag Attributes\n"));
    EXPECT_THAT(sent.Binary("c.id").value_or(""), EndsWith(by_root + std::string(1, '\0')));
    EXPECT_NE(sent.Binary("ocsp_status").value_or(""), "");
    EXPECT_EQ(our_session.SharedSecret(), their_session.SharedSecret());
  }
}

TEST_F(ChainTest, PeersOfTwoCasMeetWhereEachTrustsTheOthers) {
  const TestCa other = TestCa::Root("another CA");
  const test::TempDir folder;
  folder.Write("root.pem", root_.certificate());
  // Its own is one of those it trusts.
  folder.Write("other.pem", other.certificate());
  for (const bool ours_initiates : {true, false}) {
    SCOPED_TRACE(ours_initiates ? "ours initiates" : "theirs initiates");
    const bool ours_is_alpha = InOrder() == ours_initiates;
    const std::string name = ours_is_alpha ? "alpha" : "beta";
    const auto ours = Ours(name, root_, "");
    const TestKey key = TestKey::Generate();
    const std::string their_name = ours_is_alpha ? "beta" : "alpha";
    const auto theirs =
        Create(*builtin_, their_name,
               {{"dds.sec.auth.identity_ca", "data:," + other.certificate()},
                {"dds.sec.auth.trusted_ca_dir", folder.path().string()},
                {"dds.sec.auth.identity_certificate", "data:," + other.Issue(key.public_key(), Named(their_name))},
                {"dds.sec.auth.private_key", "data:," + key.pem()}});
    ASSERT_TRUE(ours != nullptr && theirs != nullptr);
    {
      PluginSession our_session(*ours, *theirs);
      PluginSession their_session(*theirs, *ours);
      EXPECT_THAT(RunHandshake(our_session, their_session).failure, HasSubstr("[issuer]"));
    }
    v1::AddTrustAnchorsRequest add;
    add.set_key_name(name);
    add.set_anchors(other.certificate());
    ASSERT_OK(daemon_.admin().AddTrustAnchors(add).status());
    PluginSession our_session(*ours, *theirs);
    PluginSession their_session(*theirs, *ours);
    const auto report = RunHandshake(our_session, their_session);
    ASSERT_TRUE(report.complete) << report.failure << "\n" << daemon_.Log();
    EXPECT_EQ(our_session.SharedSecret(), their_session.SharedSecret());
  }
}

TEST_F(ChainTest, CycloneKnowsNothingOfIntermediateCas) {
  std::string refusal;
  EXPECT_EQ(Theirs("gamma", middle_, &refusal), nullptr) << "not as its identity CA";
  EXPECT_THAT(refusal, HasSubstr("issuer certificate"));
  const bool in_order = InOrder();
  const auto ours = Ours(in_order ? "alpha" : "beta", middle_, middle_.certificate());
  const auto theirs = Theirs(in_order ? "beta" : "alpha", root_);
  ASSERT_TRUE(ours != nullptr && theirs != nullptr);
  PluginSession our_session(*ours, *theirs);
  PluginSession their_session(*theirs, *ours);
  const auto report = RunHandshake(our_session, their_session);
  EXPECT_FALSE(report.complete) << "nor behind a peer's certificate";
  EXPECT_THAT(report.failure, HasSubstr("issuer certificate"));
}

// A real application, as the builtin plugin of Fast DDS cannot be loaded alone.
TEST(FastDdsChainTest, FastDdsReadsTheLeafAndPassesOverTheRestInBothRoles) {
  for (const bool ours_initiates : {true, false}) {
    SCOPED_TRACE(ours_initiates ? "ours initiates" : "theirs initiates");
    SecuredDomain domain({.chain_and_staple = true});
    const auto [first, second] = domain.InOrder();
    const std::string ours = ours_initiates ? first : second;
    const std::string theirs = ours_initiates ? second : first;
    domain.Enroll(Stack::kCycloneInCustody, ours);
    domain.Enroll(Stack::kFastDds, theirs);
    const auto our_process = domain.Start(Stack::kCycloneInCustody, ours);
    const auto their_process = domain.Start(Stack::kFastDds, theirs);
    EXPECT_TRUE(our_process->WaitToHear(theirs)) << our_process->Output();
    EXPECT_TRUE(their_process->WaitToHear(ours)) << their_process->Output();
  }
}

}  // namespace
}  // namespace ddskey::interop
