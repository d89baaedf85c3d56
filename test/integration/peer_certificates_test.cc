// Peers whose certificates are not what they should be, against the real daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey {
namespace {

using ::ddskey::test::Named;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestKey;
using ::ddskey::test::TestKeyType;
using ::ddskey::test::TestParticipant;
using ::testing::StartsWith;

// Alice's Request is honest but for its certificate: Bob's daemon must name the check that refuses it.
class PeerCertificatesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(alice_.Validate().ok());
    ASSERT_TRUE(bob_.Validate().ok());
    const auto request = alice_.Request(bob_);
    ASSERT_TRUE(request.status.ok()) << request.status.message;
    request_ = request.value.message();
  }

  CallStatus ReplyTo(const std::string& certificate) {
    return bob_.Reply(alice_, test::WithCertificate(request_, certificate), 0).status;
  }

  void ExpectRefused(const std::string& certificate, CallCode code, const std::string& check) {
    const CallStatus status = ReplyTo(certificate);
    EXPECT_EQ(status.code, code) << status.message;
    EXPECT_THAT(status.message, StartsWith("[" + check + "]"));
    EXPECT_TRUE(test::WaitFor([&] { return daemon_.Log().find("[" + check + "]") != std::string::npos; }))
        << daemon_.Log();
  }

  TestCa ca_ = TestCa::Root("identity CA");
  TestKey key_ = TestKey::Generate();
  TestDaemon daemon_;
  TestParticipant alice_{daemon_.socket(), "alice", daemon_.Enroll("alice", ca_, Named("alice")), 'a'};
  TestParticipant bob_{daemon_.socket(), "bob", daemon_.Enroll("bob", ca_, Named("bob")), 'b'};
  v1::DataHolder request_;
};

TEST_F(PeerCertificatesTest, AnotherGoodCertificateOfTheSameSubjectIsAccepted) {
  EXPECT_TRUE(ReplyTo(ca_.Issue(key_.public_key(), Named("alice"))).ok());
}

TEST_F(PeerCertificatesTest, RefusesForeignExpiredAndEarlyOnes) {
  test::CertificateOptions expired = Named("alice");
  expired.not_after = absl::Now() - absl::Minutes(1);
  test::CertificateOptions early = Named("alice");
  early.not_before = absl::Now() + absl::Minutes(1);
  const TestCa same_name = TestCa::Root("identity CA");
  ExpectRefused(ca_.Issue(key_.public_key(), expired), CallCode::kPermissionDenied, "expired");
  ExpectRefused(ca_.Issue(key_.public_key(), early), CallCode::kPermissionDenied, "not_yet_valid");
  ExpectRefused(TestCa::Root("foreign CA").Issue(key_.public_key(), Named("alice")), CallCode::kPermissionDenied,
                "issuer");
  ExpectRefused(same_name.Issue(key_.public_key(), Named("alice")), CallCode::kPermissionDenied, "issuer");
  ExpectRefused(test::WithBrokenSignature(ca_.Issue(key_.public_key(), Named("alice"))), CallCode::kPermissionDenied,
                "issuer");
}

TEST_F(PeerCertificatesTest, S13RefusesMalformedOnes) {
  const std::string good = ca_.Issue(key_.public_key(), Named("alice"));
  ExpectRefused(test::MalformedPem(good), CallCode::kInvalidArgument, "certificate_format");
  ExpectRefused("no certificate at all", CallCode::kInvalidArgument, "certificate_format");
  ExpectRefused(key_.pem(), CallCode::kInvalidArgument, "certificate_format");
  ExpectRefused(good.substr(0, good.size() / 2), CallCode::kInvalidArgument, "certificate_format");
  EXPECT_THAT(ReplyTo(good + std::string(16 * 1024, 'x')).message, StartsWith("[c.id]"));
}

TEST_F(PeerCertificatesTest, S13RefusesKeysThatAreTooWeakOrOfAnotherKind) {
  for (const TestKeyType type : {TestKeyType::kRsa1024, TestKeyType::kRsaExponent3, TestKeyType::kEcP521,
                                 TestKeyType::kEcExplicit, TestKeyType::kEd25519}) {
    ExpectRefused(ca_.Issue(TestKey::Generate(type).public_key(), Named("alice")), CallCode::kInvalidArgument,
                  "key_type");
  }
}

TEST_F(PeerCertificatesTest, S7RefusesAGoodCertificateUnderAnotherParticipantsGuid) {
  ExpectRefused(ca_.Issue(key_.public_key(), Named("mallory")), CallCode::kInvalidArgument, "guid_subject");
}

TEST_F(PeerCertificatesTest, S16ARefusedPeerThatComesBackIsOneRecord) {
  const std::string foreign = TestCa::Root("foreign CA").Issue(key_.public_key(), Named("alice"));
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(ReplyTo(foreign).ok());
  // Records are written in their order by a thread of their own: what comes later says that all are there.
  daemon_.admin().ListKeys({}).status().IgnoreError();
  EXPECT_TRUE(test::WaitFor([&] { return daemon_.Log().find("ListKeys") != std::string::npos; }));
  const std::string log = daemon_.Log();
  size_t records = 0;
  for (size_t at = log.find("[issuer]"); at != std::string::npos; at = log.find("[issuer]", at + 1)) ++records;
  EXPECT_LE(records, 2U) << log;
}

}  // namespace
}  // namespace ddskey
