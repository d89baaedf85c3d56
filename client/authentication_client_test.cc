#include "client/authentication_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "test/fakes/fake_authentication_service.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class AuthenticationClientTest : public ::testing::Test {
 protected:
  static v1::ValidateLocalIdentityRequest Identity() {
    v1::ValidateLocalIdentityRequest request;
    request.set_key_name("talker");
    request.set_candidate_guid(std::string(16, '\1'));
    request.set_domain_id(7);
    request.set_identity_certificate("certificate");
    return request;
  }

  static CallClock::time_point In(milliseconds time) { return CallClock::now() + time; }

  TempDir folder_;
  FakeAuthenticationService service_{folder_.File("s")};
  AuthenticationClient client_{folder_.File("s")};
};

TEST_F(AuthenticationClientTest, CarriesTheStepsOfAHandshakeUnchanged) {
  const auto identity = client_.ValidateLocalIdentity(Identity(), In(seconds(20)));
  ASSERT_TRUE(identity.status.ok()) << identity.status.message;
  EXPECT_EQ(service_.last_identity().SerializeAsString(), Identity().SerializeAsString());
  EXPECT_EQ(identity.value.identity_token().class_id(), "DDS:Auth:PKI-DH:1.0");

  v1::BeginHandshakeRequestRequest begin;
  begin.set_identity_ticket(identity.value.identity_ticket());
  begin.set_challenge(std::string(32, 'c'));
  const auto step = client_.BeginHandshakeRequest(begin, In(seconds(20)));
  ASSERT_TRUE(step.status.ok()) << step.status.message;
  EXPECT_EQ(service_.last_begin_request().SerializeAsString(), begin.SerializeAsString());
  EXPECT_EQ(step.value.message().class_id(), "DDS:Auth:PKI-DH:1.0+Req");

  service_.Pend(1);
  v1::BeginHandshakeReplyRequest reply;
  reply.set_identity_ticket(identity.value.identity_ticket());
  reply.set_challenge(std::string(32, 'd'));
  *reply.mutable_request() = step.value.message();
  const auto pending = client_.BeginHandshakeReply(reply, In(seconds(20)));
  ASSERT_TRUE(pending.status.ok()) << pending.status.message;
  v1::SignHandshakeRequest sign;
  sign.set_identity_ticket(identity.value.identity_ticket());
  sign.set_sign_ticket(pending.value.sign_ticket());
  const auto signed_reply = client_.SignHandshake(sign, In(seconds(20)));
  ASSERT_TRUE(signed_reply.status.ok()) << signed_reply.status.message;

  v1::ProcessHandshakeRequest process;
  process.set_identity_ticket(identity.value.identity_ticket());
  process.set_handshake_ticket(step.value.handshake_ticket());
  *process.mutable_message() = signed_reply.value.message();
  const auto done = client_.ProcessHandshake(process, In(seconds(20)));
  ASSERT_TRUE(done.status.ok()) << done.status.message;
  EXPECT_EQ(done.value.result().challenge2(), std::string(32, 'd'));
}

TEST_F(AuthenticationClientTest, AsksForTheSignatureOfParticipantDataOnce) {
  const auto identity = client_.ValidateLocalIdentity(Identity(), In(seconds(20)));
  v1::SignParticipantDataRequest request;
  request.set_identity_ticket(identity.value.identity_ticket());
  request.set_participant_data("data");
  request.set_revision(3);
  service_.Pend(1);
  const auto pending = client_.SignParticipantData(request, In(seconds(20)));
  ASSERT_TRUE(pending.status.ok()) << pending.status.message;
  EXPECT_EQ(pending.value.signature(), "");
  EXPECT_EQ(client_.SignParticipantData(request, In(seconds(20))).value.signature(), "revision 3 of data");
  EXPECT_EQ(service_.Calls("SignParticipantData"), 2);
}

TEST_F(AuthenticationClientTest, WaitsForADaemonThatCannotAnswerYet) {
  service_.Fail("ValidateLocalIdentity", grpc::StatusCode::UNAVAILABLE, "the device is busy", 2);
  EXPECT_TRUE(client_.ValidateLocalIdentity(Identity(), In(seconds(20))).status.ok());
  EXPECT_EQ(service_.Calls("ValidateLocalIdentity"), 3);
}

TEST_F(AuthenticationClientTest, WaitsForADaemonThatIsNotThereYet) {
  service_.Stop();
  CallResult<v1::ValidateLocalIdentityResponse> result;
  std::atomic<bool> waiting{false};
  std::thread caller([&] {
    waiting = true;
    result = client_.ValidateLocalIdentity(Identity(), In(seconds(20)));
  });
  EXPECT_TRUE(WaitFor([&] { return waiting.load(); }));
  service_.Start();
  caller.join();
  EXPECT_TRUE(result.status.ok()) << result.status.message;
}

TEST_F(AuthenticationClientTest, WaitsNoLongerThanTheDeadline) {
  service_.Stop();
  const auto deadline = In(milliseconds(250));
  EXPECT_EQ(client_.ValidateLocalIdentity(Identity(), deadline).status.code, CallCode::kUnavailable);
  EXPECT_GE(CallClock::now(), deadline);
  EXPECT_LT(CallClock::now(), deadline + seconds(10));
}

TEST_F(AuthenticationClientTest, DoesNotRepeatARefusal) {
  service_.Fail("ValidateLocalIdentity", grpc::StatusCode::PERMISSION_DENIED, "no");
  const auto result = client_.ValidateLocalIdentity(Identity(), In(seconds(20)));
  EXPECT_EQ(result.status.code, CallCode::kPermissionDenied);
  EXPECT_EQ(result.status.message, "no");
  EXPECT_EQ(service_.Calls("ValidateLocalIdentity"), 1);
}

TEST_F(AuthenticationClientTest, AStepOfAHandshakeDoesNotWaitForADaemon) {
  service_.Stop();
  const auto deadline = In(seconds(60));
  EXPECT_EQ(client_.SignHandshake({}, deadline).status.code, CallCode::kUnavailable);
  EXPECT_LT(CallClock::now(), deadline - seconds(30));
}

TEST_F(AuthenticationClientTest, AStalledDaemonCostsNoMoreThanTheDeadline) {
  service_.Stall(true);
  EXPECT_EQ(client_.ProcessHandshake({}, In(milliseconds(100))).status.code, CallCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace ddskey::test
