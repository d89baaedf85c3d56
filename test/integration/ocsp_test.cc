// What an OCSP responder says of certificates, stapled to handshakes (`ocsp_status`), against the real daemon on both
// sides.
#include "test/support/ocsp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "test/support/pki.h"
#include "test/support/process.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"
#include "test/support/token_peer.h"

namespace ddskey {
namespace {

using ::ddskey::test::MakeOcspResponse;
using ::ddskey::test::Named;
using ::ddskey::test::OcspOptions;
using ::ddskey::test::StatusIs;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestKey;
using ::ddskey::test::TestParticipant;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr char kStatus[] = "ocsp_status";

class OcspTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(alice_.Validate().ok());
    ASSERT_TRUE(bob_.Validate().ok());
  }

  absl::Status Install(const std::string& key, const std::string& response) {
    v1::InstallOcspResponseRequest request;
    request.set_key_name(key);
    request.set_ocsp_response(response);
    return daemon_.admin().InstallOcspResponse(request).status();
  }

  absl::Status InstallList(const std::string& list) {
    v1::InstallRevocationListsRequest request;
    request.set_key_name("bob");
    request.set_revocation_lists(list);
    return daemon_.admin().InstallRevocationLists(request).status();
  }

  // Request is Alice's to Bob.
  v1::DataHolder Request() {
    const auto request = alice_.Request(bob_);
    EXPECT_TRUE(request.status.ok()) << request.status.message;
    return request.value.message();
  }

  // ReplyTo is what Bob says to Alice's Request with this `ocsp_status` in it.
  CallStatus ReplyTo(const std::string& status) {
    v1::DataHolder request = Request();
    test::RemoveValue(request, kStatus);
    if (!status.empty()) test::SetValue(request, kStatus, status);
    return bob_.Reply(alice_, request).status;
  }

  std::string Revoked() const {
    OcspOptions options;
    options.status = OcspOptions::Status::kRevoked;
    return MakeOcspResponse(ca_, {alices_}, options);
  }

  // A list of the CA that has run out, at Bob's, whose own certificate needs a responder's word then, too.
  void LetTheListRunOut() {
    const absl::Time now = absl::Now();
    ASSERT_OK(Install("bob", MakeOcspResponse(ca_, {bobs_})));
    ASSERT_OK(InstallList(ca_.Crl({}, now - absl::Hours(3), now - absl::Hours(2))));
  }

  TestCa ca_ = TestCa::Root("identity CA");
  TestDaemon daemon_;
  const std::string alices_ = daemon_.Enroll("alice", ca_, Named("alice"));
  const std::string bobs_ = daemon_.Enroll("bob", ca_, Named("bob"));
  TestParticipant alice_{daemon_.socket(), "alice", alices_, 'a'};
  TestParticipant bob_{daemon_.socket(), "bob", bobs_, 'b'};
};

TEST_F(OcspTest, BothSidesShowWhatWasInstalledInRequestAndReply) {
  EXPECT_EQ(test::ValueOf(Request(), kStatus), "");
  const std::string of_alice = MakeOcspResponse(ca_, {alices_});
  const std::string of_bob = MakeOcspResponse(ca_, {bobs_});
  ASSERT_OK(Install("alice", of_alice));
  ASSERT_OK(Install("bob", of_bob));
  const v1::DataHolder request = Request();
  EXPECT_EQ(test::ValueOf(request, kStatus), of_alice);
  const auto reply = bob_.Finish(bob_.Reply(alice_, request));
  ASSERT_TRUE(reply.status.ok()) << reply.status.message;
  EXPECT_EQ(test::ValueOf(reply.value.message(), kStatus), of_bob);
  EXPECT_TRUE(test::Shake(alice_, bob_).ok());
  daemon_.Kill();
  daemon_.Start();
  EXPECT_EQ(test::ValueOf(Request(), kStatus), of_alice);
  ASSERT_OK(Install("alice", ""));
  EXPECT_EQ(test::ValueOf(Request(), kStatus), "");
}

TEST_F(OcspTest, AWordInTimeOpensWhatAListThatRanOutHasClosed) {
  LetTheListRunOut();
  EXPECT_THAT(ReplyTo("").message, StartsWith("[revocation_list_outdated]"));
  EXPECT_THAT(ReplyTo("garbage").message, HasSubstr("malformed"));
  EXPECT_TRUE(ReplyTo(MakeOcspResponse(ca_, {alices_})).ok());
  EXPECT_FALSE(test::Shake(alice_, bob_).ok());
  ASSERT_OK(Install("alice", MakeOcspResponse(ca_, {alices_})));
  // To the end, so that the steps that come later look at it again.
  const CallStatus shaken = test::Shake(alice_, bob_);
  EXPECT_TRUE(shaken.ok()) << shaken.message;
}

TEST_F(OcspTest, ARevocationEndsTheHandshakeItCameWithAndNoOther) {
  EXPECT_THAT(ReplyTo(Revoked()).message, StartsWith("[ocsp_revoked]"));
  EXPECT_TRUE(ReplyTo("").ok());
  EXPECT_TRUE(test::WaitFor([&] { return daemon_.Log().find("[ocsp_revoked]") != std::string::npos; }));

  // In the Reply, where Bob is the one who is revoked; the Request can still be answered by an honest one.
  OcspOptions options;
  options.status = OcspOptions::Status::kRevoked;
  const auto request = alice_.Request(bob_);
  const auto reply = bob_.Finish(bob_.Reply(alice_, request.value.message()));
  ASSERT_TRUE(reply.status.ok()) << reply.status.message;
  v1::DataHolder altered = reply.value.message();
  test::SetValue(altered, kStatus, MakeOcspResponse(ca_, {bobs_}, options));
  EXPECT_THAT(alice_.Process(request.value.handshake_ticket(), altered).status.message, StartsWith("[ocsp_revoked]"));
  EXPECT_TRUE(alice_.Finish(alice_.Process(request.value.handshake_ticket(), reply.value.message())).status.ok());
}

// Nothing signs ocsp_status: whoever is on the way can put anything there, and must not gain by it.
TEST_F(OcspTest, WhatDoesNotCountIsAsIfItHadNotCome) {
  const TestCa foreign = TestCa::Root("identity CA");
  OcspOptions by_itself;
  const TestKey key = TestKey::Generate();
  by_itself.responder = OcspOptions::Responder{key, ca_.Issue(key.public_key(), Named("mallory"))};
  for (const std::string& status : {std::string("x"), test::MakeOcspError(), MakeOcspResponse(foreign, {alices_}),
                                    MakeOcspResponse(ca_, {bobs_}), MakeOcspResponse(ca_, {alices_}, by_itself)}) {
    EXPECT_TRUE(ReplyTo(status).ok());
  }
  EXPECT_THAT(ReplyTo(std::string(16 * 1024 + 1, 'x')).message, StartsWith("[ocsp_status]"));
  ASSERT_OK(InstallList(ca_.Crl({alices_})));
  EXPECT_THAT(ReplyTo(MakeOcspResponse(ca_, {alices_})).message, StartsWith("[revoked]")) << "a list counts more";
}

TEST_F(OcspTest, InstallsOnlyWhatIsGoodAndNewer) {
  OcspOptions options;
  const absl::Time now = absl::Now();
  EXPECT_THAT(Install("alice", Revoked()), StatusIs(kPrecondition, HasSubstr("is revoked")));
  options.status = OcspOptions::Status::kUnknown;
  EXPECT_THAT(Install("alice", MakeOcspResponse(ca_, {alices_}, options)),
              StatusIs(kPrecondition, HasSubstr("does not know")));
  EXPECT_THAT(Install("alice", MakeOcspResponse(ca_, {bobs_})), StatusIs(kPrecondition, HasSubstr("not about")));
  EXPECT_THAT(Install("alice", MakeOcspResponse(TestCa::Root("identity CA"), {alices_})), StatusIs(kPrecondition));
  options = {.this_update = now - absl::Hours(3), .next_update = now - absl::Hours(1), .responder = {}};
  EXPECT_THAT(Install("alice", MakeOcspResponse(ca_, {alices_}, options)),
              StatusIs(kPrecondition, HasSubstr("not current")));
  EXPECT_THAT(Install("alice", "garbage"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Install("alice", std::string(16 * 1024 + 1, 'x')), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Install("nobody", Revoked()), StatusIs(absl::StatusCode::kNotFound));

  ASSERT_OK(Install("alice", MakeOcspResponse(ca_, {alices_})));
  options = {.this_update = now - absl::Hours(2), .responder = {}};
  EXPECT_THAT(Install("alice", MakeOcspResponse(ca_, {alices_}, options)), StatusIs(kPrecondition, HasSubstr("older")));
  options.this_update = now;
  EXPECT_OK(Install("alice", MakeOcspResponse(ca_, {alices_}, options)));
}

TEST_F(OcspTest, IsShownUntilItsNextUpdateOrTheNextCertificate) {
  OcspOptions soon;
  soon.next_update = absl::Now() + absl::Seconds(3);
  ASSERT_OK(Install("alice", MakeOcspResponse(ca_, {alices_}, soon)));
  EXPECT_NE(test::ValueOf(Request(), kStatus), "");
  EXPECT_TRUE(test::WaitFor([&] { return test::ValueOf(Request(), kStatus).empty(); }));
  EXPECT_TRUE(test::WaitFor([&] { return daemon_.Log().find("[ocsp_response]") != std::string::npos; }));
  const v1::GetStatusResponse outdated = daemon_.Status();
  ASSERT_EQ(outdated.outdated_ocsp_responses_size(), 1);
  EXPECT_EQ(outdated.outdated_ocsp_responses(0).key_name(), "alice");

  ASSERT_OK(Install("alice", MakeOcspResponse(ca_, {alices_})));
  EXPECT_NE(test::ValueOf(Request(), kStatus), "");
  v1::GetKeyRequest get;
  get.set_name("alice");
  ASSERT_OK_AND_ASSIGN(const auto key, daemon_.admin().GetKey(get));
  v1::InstallCertificateRequest renewed;
  renewed.set_key_name("alice");
  renewed.set_certificate_chain(ca_.Issue(TestDaemon::PublicKeyOf(key.key()), Named("alice")));
  ASSERT_OK(daemon_.admin().InstallCertificate(renewed).status());
  EXPECT_EQ(test::ValueOf(Request(), kStatus), "") << "it was about the certificate before";
}

TEST_F(OcspTest, WhoFetchesResponsesNeedsNoOtherRight) {
  daemon_.SetPolicy(absl::StrCat("rule { name: \"fetcher\" effect: ALLOW caller { uid: ", geteuid(),
                                 " } key: \"alice\" operation: [OCSP_INSTALL] }"));
  EXPECT_OK(Install("alice", MakeOcspResponse(ca_, {alices_})));
  EXPECT_THAT(Install("bob", MakeOcspResponse(ca_, {bobs_})), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(InstallList(ca_.Crl({})), StatusIs(absl::StatusCode::kPermissionDenied));
}

// Debian's own responder: the CA itself, and one that it authorised.
TEST_F(OcspTest, TakesWhatOpensslAnswers) {
  const test::TempDir folder;
  const std::string ca = folder.Write("ca.pem", ca_.certificate());
  const std::string leaf = folder.Write("alice.pem", alices_);
  std::string serial;
  ASSERT_EQ(test::Run({"openssl", "x509", "-noout", "-serial", "-in", leaf}, &serial), 0) << serial;
  serial = serial.substr(serial.find('=') + 1);
  serial = serial.substr(0, serial.find('\n'));
  folder.Write("index.txt", absl::StrCat("V\t350101000000Z\t\t", serial, "\tunknown\t/O=Lab/CN=alice\n"));
  const auto responder = test::MakeResponder(ca_);
  const auto answer = [&](const OcspOptions::Responder& by, const std::string& digest) {
    std::string output;
    EXPECT_EQ(test::Run({"openssl",  "ocsp",
                         "-index",   folder.File("index.txt"),
                         "-CA",      ca,
                         "-rsigner", folder.Write("signer.pem", by.certificate),
                         "-rkey",    folder.Write("signer.key", by.key.pem()),
                         "-issuer",  ca,
                         digest,     "-cert",
                         leaf,       "-ndays",
                         "1",        "-noverify",
                         "-respout", folder.File("response.der")},
                        &output),
              0)
        << output;
    return test::ReadFile(folder.File("response.der"));
  };
  EXPECT_OK(Install("alice", answer({ca_.key(), ca_.certificate()}, "-sha1")));
  EXPECT_OK(Install("alice", answer(responder, "-sha256")));
  folder.Write("index.txt", absl::StrCat("R\t350101000000Z\t250101000000Z\t", serial, "\tunknown\t/O=Lab/CN=alice\n"));
  const std::string revoked = answer(responder, "-sha1");
  EXPECT_THAT(Install("alice", revoked), StatusIs(kPrecondition, HasSubstr("is revoked")));
  EXPECT_THAT(ReplyTo(revoked).message, StartsWith("[ocsp_revoked]"));
}

}  // namespace
}  // namespace ddskey
