// What a participant shows of its own identity, against the real daemon on both sides: its certificate chain, with and
// without text, and the permissions document that its key is pinned to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "test/support/pki.h"
#include "test/support/status_matchers.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"
#include "test/support/token_peer.h"

namespace ddskey {
namespace {

using ::ddskey::test::Named;
using ::ddskey::test::StatusIs;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestKey;
using ::ddskey::test::TestKeyType;
using ::ddskey::test::TestParticipant;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class OwnIdentityTest : public ::testing::Test {
 protected:
  std::string PublicKeyOf(const std::string& name) {
    v1::GetKeyRequest request;
    request.set_name(name);
    const auto response = daemon_.admin().GetKey(request);
    EXPECT_OK(response.status());
    return response.ok() ? TestDaemon::PublicKeyOf(response->key()) : "";
  }

  absl::Status Install(const std::string& name, const std::string& chain, const std::string& anchors) {
    v1::InstallCertificateRequest request;
    request.set_key_name(name);
    request.set_certificate_chain(chain);
    request.set_anchors(anchors);
    return daemon_.admin().InstallCertificate(request).status();
  }

  absl::Status Set(const std::string& name, const std::function<void(v1::SetTrustOptionsRequest&)>& change) {
    v1::SetTrustOptionsRequest request;
    request.set_key_name(name);
    change(request);
    return daemon_.admin().SetTrustOptions(request).status();
  }

  absl::Status Pin(const std::string& name, const std::string& document) {
    return Set(name, [&](auto& request) { request.set_permissions(document); });
  }

  absl::Status KeepText(const std::string& name, bool keep) {
    return Set(name, [&](auto& request) { request.set_keep_pem_text(keep); });
  }

  std::string CertificateIn(TestParticipant& from, const TestParticipant& to) {
    const auto request = from.Request(to);
    EXPECT_TRUE(request.status.ok()) << request.status.message;
    return test::ValueOf(request.value.message(), "c.id");
  }

  TestCa ca_ = TestCa::Root("identity CA");
  TestDaemon daemon_;
  const std::string alices_ = daemon_.Enroll("alice", ca_, Named("alice"));
  TestParticipant alice_{daemon_.socket(), "alice", alices_, 'a'};
  TestParticipant bob_{daemon_.socket(), "bob", daemon_.Enroll("bob", ca_, Named("bob")), 'b'};
};

// --- Chains ---

class OwnChainTest : public OwnIdentityTest {
 protected:
  void SetUp() override {
    chain_ = leaf_ + middle_.certificate();
    ASSERT_OK(Install("alice", chain_, ca_.certificate()));
    ASSERT_TRUE(alice_.Validate().ok());
    ASSERT_TRUE(bob_.Validate().ok());
    const auto request = alice_.Request(bob_);
    ASSERT_TRUE(request.status.ok()) << request.status.message;
    request_ = request.value.message();
  }

  // ReplyTo is what Bob, whose anchor is the root, says to Alice's Request with this chain in it.
  CallStatus ReplyTo(const std::string& chain) {
    return bob_.Reply(alice_, test::WithCertificate(request_, chain), 0).status;
  }

  const TestCa middle_ = ca_.Intermediate("intermediate");
  const std::string leaf_ = middle_.Issue(PublicKeyOf("alice"), Named("alice"));
  std::string chain_;
  v1::DataHolder request_;
};

TEST_F(OwnChainTest, GoesToPeersLeafFirstAndIsEnoughForThoseWhoKnowTheRoot) {
  EXPECT_EQ(test::ValueOf(request_, "c.id"), chain_ + std::string(1, '\0'));
  const CallStatus as_initiator = test::Shake(alice_, bob_);
  const CallStatus as_replier = test::Shake(bob_, alice_);
  EXPECT_TRUE(as_initiator.ok()) << as_initiator.message;
  EXPECT_TRUE(as_replier.ok()) << as_replier.message;
  // What builtin peers do, who read the leaf only.
  EXPECT_THAT(ReplyTo(leaf_).message, StartsWith("[issuer]"));
  v1::AddTrustAnchorsRequest add;
  add.set_key_name("bob");
  add.set_anchors(middle_.certificate());
  ASSERT_OK(daemon_.admin().AddTrustAnchors(add));
  EXPECT_TRUE(ReplyTo(leaf_).ok()) << "with the issuing CA among the anchors";
  EXPECT_TRUE(ReplyTo(chain_).ok());
}

TEST_F(OwnChainTest, TakesRepeatedAndUnrelatedCertificatesBehindTheLeafWithinBounds) {
  const TestCa unrelated = TestCa::Root("unrelated");
  EXPECT_TRUE(ReplyTo(leaf_ + unrelated.certificate() + middle_.certificate()).ok());
  EXPECT_TRUE(ReplyTo(leaf_ + leaf_ + middle_.certificate() + middle_.certificate()).ok());
  EXPECT_TRUE(ReplyTo(chain_ + ca_.certificate()).ok()) << "with its root";
  std::string many = chain_;
  for (int i = 0; i < 8; ++i) many += unrelated.certificate();
  EXPECT_TRUE(ReplyTo(many).ok()) << "10 certificates";
  EXPECT_THAT(ReplyTo(many + unrelated.certificate()).message, StartsWith("[certificate_format]"));
  EXPECT_THAT(ReplyTo(chain_ + std::string(16 * 1024, '\n')).message, StartsWith("[c.id]"));
}

TEST_F(OwnChainTest, RefusesWrongOrderAndCertificatesOfTheWrongKind) {
  // The first one is the peer's, whatever follows.
  EXPECT_THAT(ReplyTo(middle_.certificate() + leaf_).message, StartsWith("[guid_subject]"));
  EXPECT_THAT(ReplyTo(ca_.certificate() + leaf_).message, StartsWith("[guid_subject]"));
  const std::string weak = ca_.Issue(TestKey::Generate(TestKeyType::kRsa1024).public_key(), Named("weak"));
  EXPECT_THAT(ReplyTo(chain_ + weak).message, StartsWith("[key_type]"));
  // An ordinary participant is no CA, though its own certificate is good.
  const TestKey mallory = TestKey::Generate();
  test::CertificateOptions leaf = Named("mallory");
  leaf.extensions = {{"basicConstraints", "critical,CA:FALSE"}};
  EXPECT_THAT(ReplyTo(leaf_ + ca_.Issue(mallory.public_key(), leaf)).message, StartsWith("[issuer]"));
}

TEST_F(OwnChainTest, AnAdministratorCannotInstallOneThatPeersWouldNotTake) {
  constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
  EXPECT_THAT(Install("alice", leaf_, ca_.certificate()), StatusIs(kPrecondition, HasSubstr("[issuer]")));
  EXPECT_THAT(Install("alice", middle_.certificate() + leaf_, ca_.certificate()),
              StatusIs(kPrecondition, HasSubstr("another key")));
  EXPECT_THAT(Install("alice", chain_ + TestKey::Generate().pem(), ""), StatusIs(absl::StatusCode::kInvalidArgument));
  // With no anchors yet, nothing but its size tells; peers take 16 KiB.
  v1::CreateKeyRequest create;
  create.set_name("carol");
  ASSERT_OK_AND_ASSIGN(const auto carol, daemon_.admin().CreateKey(create));
  std::string large = middle_.Issue(TestDaemon::PublicKeyOf(carol.key()), Named("carol"));
  const std::string filler = TestCa::Root(std::string(60, 'r'), TestKeyType::kRsa4096).certificate();
  while (large.size() < 16 * 1024) large += filler;
  EXPECT_THAT(Install("carol", large, ""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("16383 octets")));
}

// --- Text ---

TEST_F(OwnIdentityTest, TextAroundACertificateGoesToPeersOnlyIfAnAdministratorWantsIt) {
  const std::string text = "Bag Attributes\n    friendlyName: alice\n" + alices_ + "Certificate:\n    Data:\n";
  ASSERT_OK(Install("alice", text, ""));
  ASSERT_TRUE(alice_.Validate().ok());
  ASSERT_TRUE(bob_.Validate().ok());
  const std::string bare = alices_ + std::string(1, '\0');
  EXPECT_EQ(CertificateIn(alice_, bob_), bare);
  ASSERT_OK(KeepText("alice", true));
  EXPECT_EQ(CertificateIn(alice_, bob_), bare) << "what was not kept at the installation is gone";
  ASSERT_OK(Install("alice", text, ""));
  EXPECT_EQ(CertificateIn(alice_, bob_), text + std::string(1, '\0'));
  EXPECT_TRUE(test::Shake(alice_, bob_).ok());
  EXPECT_TRUE(test::Shake(bob_, alice_).ok());
  const auto request = alice_.Request(bob_);
  ASSERT_OK(KeepText("alice", false));
  EXPECT_EQ(CertificateIn(alice_, bob_), bare) << "at once";
  // The handshake that was under way goes on with what it began with.
  const auto reply = bob_.Finish(bob_.Reply(alice_, request.value.message()));
  ASSERT_TRUE(reply.status.ok()) << reply.status.message;
  EXPECT_TRUE(alice_.Finish(alice_.Process(request.value.handshake_ticket(), reply.value.message())).status.ok());
}

// --- Permissions ---

TEST_F(OwnIdentityTest, S8APinnedKeyIsUsedWithItsPermissionsDocumentOnly) {
  ASSERT_TRUE(alice_.Validate().ok());
  ASSERT_TRUE(bob_.Validate().ok());
  const auto request = alice_.Request(bob_);
  const auto from_bob = bob_.Request(alice_);
  ASSERT_OK(Pin("alice", "permissions of somebody else"));
  EXPECT_THAT(alice_.Request(bob_).status.message, StartsWith("[permissions_pin]"));
  EXPECT_THAT(alice_.Reply(bob_, from_bob.value.message()).status.message, StartsWith("[permissions_pin]"));
  // What began before goes no further.
  const auto reply = bob_.Finish(bob_.Reply(alice_, request.value.message()));
  ASSERT_TRUE(reply.status.ok()) << reply.status.message;
  EXPECT_THAT(alice_.Process(request.value.handshake_ticket(), reply.value.message()).status.message,
              StartsWith("[permissions_pin]"));
  // NULs at the end are not everybody's; anything else counts.
  ASSERT_OK(Pin("alice", std::string("permissions of a\0\0", 18)));
  EXPECT_TRUE(test::Shake(alice_, bob_).ok());
  EXPECT_TRUE(test::Shake(bob_, alice_).ok());
  ASSERT_OK(Pin("alice", "permissions of a\n"));
  EXPECT_THAT(alice_.Request(bob_).status.message, StartsWith("[permissions_pin]"));
  daemon_.Kill();
  daemon_.Start();
  EXPECT_THAT(alice_.Request(bob_).status.message, StartsWith("[permissions_pin]"));
  ASSERT_OK(Pin("alice", ""));
  EXPECT_TRUE(test::Shake(alice_, bob_).ok());
}

}  // namespace
}  // namespace ddskey
