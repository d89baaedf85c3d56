// What administrators change of an identity's trust, against the real daemon: in force for the next handshake.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/trust/certificate.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"

namespace ddskey {
namespace {

using ::ddskey::test::Named;
using ::ddskey::test::StatusIs;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestKey;
using ::ddskey::test::TestParticipant;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

std::string Sha256Of(const std::string& certificate) {
  return absl::BytesToHexString(Certificate::ParsePem(certificate)->front().digest());
}

class TrustTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(alice_.Validate().ok());
    ASSERT_TRUE(bob_.Validate().ok());
    const auto request = alice_.Request(bob_);
    ASSERT_TRUE(request.status.ok()) << request.status.message;
    request_ = request.value.message();
  }

  // ReplyTo is what Bob, who ran all the time, says to Alice's Request under another certificate of hers.
  CallStatus ReplyTo(const std::string& certificate) {
    return bob_.Reply(alice_, test::WithCertificate(request_, certificate), 0).status;
  }

  absl::Status Install(const std::string& lists) {
    v1::InstallRevocationListsRequest request;
    request.set_key_name("bob");
    request.set_revocation_lists(lists);
    return daemon_.admin().InstallRevocationLists(request).status();
  }

  absl::Status Add(const std::string& anchors) {
    v1::AddTrustAnchorsRequest request;
    request.set_key_name("bob");
    request.set_anchors(anchors);
    return daemon_.admin().AddTrustAnchors(request).status();
  }

  absl::Status Remove(const std::string& sha256) {
    v1::RemoveTrustAnchorRequest request;
    request.set_key_name("bob");
    request.set_sha256(sha256);
    return daemon_.admin().RemoveTrustAnchor(request).status();
  }

  absl::Status RemoveList(const std::string& sha256) {
    v1::RemoveRevocationListRequest request;
    request.set_key_name("bob");
    request.set_sha256(sha256);
    return daemon_.admin().RemoveRevocationList(request).status();
  }

  absl::Status SetOption(void (v1::SetTrustOptionsRequest::*option)(v1::Strictness), v1::Strictness strictness) {
    v1::SetTrustOptionsRequest request;
    request.set_key_name("bob");
    (request.*option)(strictness);
    return daemon_.admin().SetTrustOptions(request).status();
  }

  std::vector<v1::RevocationList> Lists() {
    v1::GetTrustRequest request;
    request.set_key_name("bob");
    const auto trust = daemon_.admin().GetTrust(request);
    EXPECT_TRUE(trust.ok()) << trust.status();
    return {trust->revocation_lists().begin(), trust->revocation_lists().end()};
  }

  std::string Numbered(const std::vector<std::string>& revoked, int number) const {
    const std::string octet = absl::BytesToHexString(std::string(1, static_cast<char>(number)));
    return ca_.Crl(revoked, absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1),
                   {{"2.5.29.20", "DER:0201" + octet}});
  }

  TestCa ca_ = TestCa::Root("identity CA");
  TestKey key_ = TestKey::Generate();
  TestDaemon daemon_;
  TestParticipant alice_{daemon_.socket(), "alice", daemon_.Enroll("alice", ca_, Named("alice")), 'a'};
  TestParticipant bob_{daemon_.socket(), "bob", daemon_.Enroll("bob", ca_, Named("bob")), 'b'};
  v1::DataHolder request_;
};

TEST_F(TrustTest, ARevokedPeerIsRefusedAsSoonAsTheListIsInstalledAndAfterARestart) {
  const std::string certificate = ca_.Issue(key_.public_key(), Named("alice"));
  EXPECT_TRUE(ReplyTo(certificate).ok());
  ASSERT_OK(Install(ca_.Crl({certificate})));
  EXPECT_THAT(ReplyTo(certificate).message, StartsWith("[revoked]"));
  EXPECT_TRUE(ReplyTo(ca_.Issue(key_.public_key(), Named("alice"))).ok()) << "another certificate of hers";
  daemon_.Kill();
  daemon_.Start();
  EXPECT_THAT(ReplyTo(certificate).message, StartsWith("[revoked]"));
}

TEST_F(TrustTest, AListOfAnIntermediateRevokesWhatItIssued) {
  const TestCa intermediate = ca_.Intermediate("intermediate");
  const std::string leaf = intermediate.Issue(key_.public_key(), Named("alice"));
  EXPECT_TRUE(ReplyTo(leaf + intermediate.certificate()).ok());
  ASSERT_OK(Install(intermediate.Crl({leaf}) + ca_.Crl({})));
  EXPECT_THAT(ReplyTo(leaf + intermediate.certificate()).message, StartsWith("[revoked]"));
  ASSERT_OK(Install(intermediate.Crl({}) + ca_.Crl({intermediate.certificate()})));
  EXPECT_THAT(ReplyTo(leaf + intermediate.certificate()).message, StartsWith("[revoked]"));
}

TEST_F(TrustTest, AListThatOnlyHasTheNameOfAnIntermediateLetsNobodyIn) {
  const TestCa intermediate = ca_.Intermediate("intermediate");
  const std::string leaf = intermediate.Issue(key_.public_key(), Named("alice"));
  ASSERT_OK(Install(TestCa::Root("intermediate").Crl({})));
  EXPECT_THAT(ReplyTo(leaf + intermediate.certificate()).message, StartsWith("[revoked]"));
}

TEST_F(TrustTest, S8AnOlderListNeverTakesThePlaceOfANewer) {
  const std::string certificate = ca_.Issue(key_.public_key(), Named("alice"));
  ASSERT_OK(Install(Numbered({certificate}, 2)));
  EXPECT_THAT(Install(Numbered({}, 1)), StatusIs(kPrecondition, HasSubstr("lower than 0x2")));
  EXPECT_THAT(Install(ca_.Crl({})), StatusIs(kPrecondition, HasSubstr("no number")));
  EXPECT_THAT(ReplyTo(certificate).message, StartsWith("[revoked]"));
  ASSERT_OK(Install(Numbered({}, 3)));
  EXPECT_TRUE(ReplyTo(certificate).ok()) << "no longer on the list";
}

TEST_F(TrustTest, ListsThatCannotBeTrustedAreRefusedWhole) {
  EXPECT_THAT(Install(TestCa::Root("identity CA").Crl({})), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Install(ca_.Crl({}) + ca_.certificate()), StatusIs(absl::StatusCode::kInvalidArgument));
  v1::GetTrustRequest request;
  request.set_key_name("bob");
  ASSERT_OK_AND_ASSIGN(const auto trust, daemon_.admin().GetTrust(request));
  EXPECT_EQ(trust.revocation_lists_size(), 0);
}

TEST_F(TrustTest, S17ListsOf8MiBAreTakenAndLargerOnesRefused) {
  const std::string list = ca_.Crl({});
  const size_t room = (size_t{8} << 20) - list.size() - 1;
  EXPECT_THAT(Install(list + std::string(room + 1, '\n') + "\n"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_OK(Install(list + std::string(room, '\n')));
}

TEST_F(TrustTest, S17AKeyHasNoMoreThan64Lists) {
  std::string lists;
  for (int i = 0; i < 33; ++i) lists += TestCa::Root("intermediate " + std::to_string(i)).Crl({});
  ASSERT_OK(Install(lists));
  lists.clear();
  for (int i = 33; i < 65; ++i) lists += TestCa::Root("intermediate " + std::to_string(i)).Crl({});
  EXPECT_THAT(Install(lists), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more than 64")));
}

TEST_F(TrustTest, S8ACaWithANewKeyAndItsOldKeyHaveAListEach) {
  const TestCa next = TestCa::Root("identity CA");
  const std::string before = ca_.Issue(key_.public_key(), Named("alice"));
  const std::string after = next.Issue(key_.public_key(), Named("alice"));
  const auto list = [](const TestCa& ca, const std::vector<std::string>& revoked, const char* number) {
    return ca.Crl(revoked, absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1),
                  {{"authorityKeyIdentifier", "keyid:always"}, {"2.5.29.20", number}});
  };
  ASSERT_OK(Add(next.certificate()));
  ASSERT_OK(Install(list(ca_, {before}, "DER:020105")));
  ASSERT_OK(Install(list(next, {}, "DER:020101")));
  EXPECT_EQ(Lists().size(), 2U);
  EXPECT_THAT(ReplyTo(before).message, StartsWith("[revoked]"));
  EXPECT_TRUE(ReplyTo(after).ok());
  EXPECT_THAT(Install(list(ca_, {}, "DER:020104")), StatusIs(kPrecondition, HasSubstr("lower than 0x5")));
  ASSERT_OK(Install(list(next, {after}, "DER:020102")));
  EXPECT_EQ(Lists().size(), 2U);
  EXPECT_THAT(ReplyTo(after).message, StartsWith("[revoked]"));
  // A list that does not name its key takes the place of that of the key that signed it.
  ASSERT_OK(Install(Numbered({}, 6)));
  EXPECT_EQ(Lists().size(), 2U);
  EXPECT_TRUE(ReplyTo(before).ok());
  EXPECT_THAT(ReplyTo(after).message, StartsWith("[revoked]"));
}

TEST_F(TrustTest, S8ListsOfOneCaThatSpeakOfDifferentCertificatesStandBesideEachOther) {
  const std::string certificate = ca_.Issue(key_.public_key(), Named("alice"));
  const auto list = [this](const std::vector<std::string>& revoked, const char* scope, const char* number) {
    return ca_.Crl(revoked, absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1),
                   {{"2.5.29.20", number}, {"2.5.29.28", scope}});
  };
  // issuingDistributionPoint: onlyContainsUserCerts, onlyContainsCACerts.
  constexpr char kUsers[] = "critical,DER:30038101ff";
  constexpr char kAuthorities[] = "critical,DER:30038201ff";
  ASSERT_OK(Install(list({certificate}, kUsers, "DER:020105") + list({}, kAuthorities, "DER:020103")));
  EXPECT_EQ(Lists().size(), 2U);
  ASSERT_OK(Install(list({}, kAuthorities, "DER:020109")));
  EXPECT_EQ(Lists().size(), 2U);
  EXPECT_THAT(ReplyTo(certificate).message, StartsWith("[revoked]"));
  EXPECT_THAT(Install(list({}, kUsers, "DER:020104")), StatusIs(kPrecondition, HasSubstr("lower than 0x5")));
}

TEST_F(TrustTest, ARemovedListCountsNoMore) {
  const std::string certificate = ca_.Issue(key_.public_key(), Named("alice"));
  ASSERT_OK(Install(ca_.Crl({certificate})));
  EXPECT_THAT(ReplyTo(certificate).message, StartsWith("[revoked]"));
  const std::string sha256 = Lists().at(0).sha256();
  EXPECT_THAT(RemoveList(std::string(64, '0')), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(RemoveList("1234567"), StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_OK(SetOption(&v1::SetTrustOptionsRequest::set_missing_revocation_list, v1::STRICTNESS_REQUIRE));
  EXPECT_THAT(RemoveList(sha256), StatusIs(kPrecondition, HasSubstr("own certificate")));
  ASSERT_OK(SetOption(&v1::SetTrustOptionsRequest::set_missing_revocation_list, v1::STRICTNESS_IGNORE));
  ASSERT_OK(RemoveList(sha256.substr(0, 12)));
  EXPECT_TRUE(ReplyTo(certificate).ok());
}

TEST_F(TrustTest, ACertificateForSomethingElseIsWarnedOfOnceAndRefusedWhereItMust) {
  test::CertificateOptions options = Named("alice");
  options.extensions = {{"keyUsage", "critical,keyAgreement"}};
  const std::string certificate = ca_.Issue(key_.public_key(), options);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(ReplyTo(certificate).ok());
  ASSERT_OK(SetOption(&v1::SetTrustOptionsRequest::set_key_usage, v1::STRICTNESS_REQUIRE));
  EXPECT_THAT(ReplyTo(certificate).message, StartsWith("[key_usage]"));
  ASSERT_TRUE(test::WaitFor([&] { return daemon_.Log().find("reason=\"[key_usage]") != std::string::npos; }));
  const std::string log = daemon_.Log();
  const size_t first = log.find("warning=\"[key_usage] the certificate of CN=alice");
  ASSERT_NE(first, std::string::npos) << log;
  EXPECT_EQ(log.find("warning=\"[key_usage]", first + 1), std::string::npos);
}

TEST_F(TrustTest, PeersOfAnotherCaAreLetInWhileItIsThere) {
  const TestCa other = TestCa::Root("other CA");
  const std::string certificate = other.Issue(key_.public_key(), Named("alice"));
  EXPECT_THAT(ReplyTo(certificate).message, StartsWith("[issuer]"));
  ASSERT_OK(Add(other.certificate()));
  EXPECT_TRUE(ReplyTo(certificate).ok());
  ASSERT_OK(Install(other.Crl({certificate})));
  EXPECT_THAT(ReplyTo(certificate).message, StartsWith("[revoked]"));
  ASSERT_OK(Remove(Sha256Of(other.certificate()).substr(0, 12)));
  EXPECT_THAT(ReplyTo(certificate).message, StartsWith("[issuer]"));
  ASSERT_OK(Add(other.certificate()));
  EXPECT_THAT(ReplyTo(certificate).message, StartsWith("[revoked]")) << "its list is not forgotten";
}

TEST_F(TrustTest, TheOnlyCaAndTheOneOfTheKeysOwnCertificateStay) {
  EXPECT_THAT(Remove(Sha256Of(ca_.certificate())), StatusIs(kPrecondition, HasSubstr("only CA")));
  ASSERT_OK(Add(TestCa::Root("other CA").certificate()));
  EXPECT_THAT(Remove(Sha256Of(ca_.certificate())), StatusIs(kPrecondition, HasSubstr("own certificate")));
  EXPECT_THAT(Remove("1234567"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Remove(std::string(64, '0')), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_TRUE(ReplyTo(ca_.Issue(key_.public_key(), Named("alice"))).ok());
}

TEST_F(TrustTest, OptionsAreKeptAndThoseThatAreNotNamedStay) {
  v1::SetTrustOptionsRequest request;
  request.set_key_name("bob");
  request.set_key_usage(v1::STRICTNESS_IGNORE);
  request.set_permissions(std::string("document\0", 9));
  ASSERT_OK(daemon_.admin().SetTrustOptions(request));
  request.Clear();
  request.set_key_name("bob");
  request.set_missing_revocation_list(v1::STRICTNESS_WARN);
  ASSERT_OK_AND_ASSIGN(const auto trust, daemon_.admin().SetTrustOptions(request));
  EXPECT_EQ(trust.options().key_usage(), v1::STRICTNESS_IGNORE);
  EXPECT_EQ(trust.options().missing_revocation_list(), v1::STRICTNESS_WARN);
  EXPECT_EQ(trust.options().outdated_revocation_list(), v1::STRICTNESS_REQUIRE);
  EXPECT_EQ(trust.options().permissions_sha256(), "43cc23fa52b87b4cc1d02b5b114154151d6adddb17c9fddc06b027fa99e24008");
  EXPECT_EQ(trust.anchors_size(), 1);
  request.set_key_usage(static_cast<v1::Strictness>(99));
  EXPECT_THAT(daemon_.admin().SetTrustOptions(request), StatusIs(absl::StatusCode::kInvalidArgument));
  request.set_key_usage(v1::STRICTNESS_UNSPECIFIED);
  request.set_permissions(std::string(64 * 1024 + 1, 'p'));
  EXPECT_THAT(daemon_.admin().SetTrustOptions(request), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(TrustTest, ChangesNeedTheirOwnPermission) {
  daemon_.SetPolicy(absl::StrCat("rule { name: \"most\" effect: ALLOW caller { uid: ", geteuid(), R"( } key: "*"
       operation: [KEY_CREATE, KEY_LIST, CERTIFICATE_INSTALL, STATUS, HANDSHAKE] })"));
  EXPECT_THAT(Install(ca_.Crl({})), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("TRUST_CHANGE")));
  EXPECT_THAT(Add(ca_.certificate()), StatusIs(absl::StatusCode::kPermissionDenied));
  v1::SetTrustOptionsRequest options;
  options.set_key_name("bob");
  EXPECT_THAT(daemon_.admin().SetTrustOptions(options), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(Remove(Sha256Of(ca_.certificate())), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(RemoveList(std::string(64, '0')), StatusIs(absl::StatusCode::kPermissionDenied));
}

}  // namespace
}  // namespace ddskey
