#include "test/support/test_participant.h"

#include <utility>

namespace ddskey::test {

TestParticipant::TestParticipant(const std::string& socket, std::string key_name, std::string certificate, char tag)
    : client_(socket), tag_(tag) {
  request.set_key_name(std::move(key_name));
  request.set_identity_certificate(std::move(certificate));
  request.set_domain_id(kDomain);
  request.set_candidate_guid(std::string(12, tag) + std::string("\0\0\x01\xc1", 4));
}

CallStatus TestParticipant::Validate() {
  auto result = client_.ValidateLocalIdentity(request, Soon());
  guid_ = result.value.adjusted_guid();
  identity_ticket_ = result.value.identity_ticket();
  return result.status;
}

std::string TestParticipant::participant_data() const {
  // PL_CDR, big-endian: PID_DOMAIN_ID, PID_PARTICIPANT_GUID, PID_SENTINEL.
  return std::string("\0\2\0\0\0\x0f\0\4\0\0\0", 11) + static_cast<char>(kDomain) + std::string("\0\x50\0\x10", 4) +
         guid_ + std::string("\0\1\0\0", 4);
}

template <typename Message>
Message TestParticipant::Offer(const std::string& peer_guid) const {
  Message message;
  message.set_identity_ticket(identity_ticket_);
  message.set_remote_guid(peer_guid);
  message.set_challenge(std::string(32, tag_));
  message.set_participant_data(participant_data());
  message.set_permissions("permissions of " + std::string(1, tag_));
  return message;
}

CallResult<v1::HandshakeStep> TestParticipant::Request(const TestParticipant& peer) { return Request(peer.guid_); }

CallResult<v1::HandshakeStep> TestParticipant::Request(const std::string& peer_guid) {
  return client_.BeginHandshakeRequest(Offer<v1::BeginHandshakeRequestRequest>(peer_guid), Soon());
}

CallResult<v1::HandshakeStep> TestParticipant::Reply(const TestParticipant& peer, const v1::DataHolder& message,
                                                     uint32_t wait_ms) {
  return Reply(peer.guid_, message, wait_ms);
}

CallResult<v1::HandshakeStep> TestParticipant::Reply(const std::string& peer_guid, const v1::DataHolder& message,
                                                     uint32_t wait_ms) {
  auto offer = Offer<v1::BeginHandshakeReplyRequest>(peer_guid);
  *offer.mutable_request() = message;
  offer.set_wait_ms(wait_ms);
  return client_.BeginHandshakeReply(offer, Soon());
}

CallResult<v1::HandshakeStep> TestParticipant::Process(const std::string& handshake_ticket,
                                                       const v1::DataHolder& message, uint32_t wait_ms) {
  v1::ProcessHandshakeRequest process;
  process.set_identity_ticket(identity_ticket_);
  process.set_handshake_ticket(handshake_ticket);
  *process.mutable_message() = message;
  process.set_wait_ms(wait_ms);
  return client_.ProcessHandshake(process, Soon());
}

CallResult<v1::HandshakeStep> TestParticipant::Sign(const std::string& sign_ticket, uint32_t wait_ms) {
  v1::SignHandshakeRequest sign;
  sign.set_identity_ticket(identity_ticket_);
  sign.set_sign_ticket(sign_ticket);
  sign.set_wait_ms(wait_ms);
  return client_.SignHandshake(sign, Soon());
}

CallResult<v1::HandshakeStep> TestParticipant::Finish(CallResult<v1::HandshakeStep> step,
                                                      std::chrono::milliseconds limit) {
  const auto end = CallClock::now() + limit;
  std::string ticket = step.value.sign_ticket();
  while (step.status.ok() && !step.value.sign_ticket().empty() && CallClock::now() < end) {
    step = Sign(ticket);
    while (step.status.code == CallCode::kUnavailable && CallClock::now() < end) step = Sign(ticket);
  }
  return step;
}

CallStatus Shake(TestParticipant& initiator, TestParticipant& replier) {
  const auto request = initiator.Request(replier);
  if (!request.status.ok()) return request.status;
  const auto reply = replier.Finish(replier.Reply(initiator, request.value.message()));
  if (!reply.status.ok()) return reply.status;
  const auto final_step = initiator.Finish(initiator.Process(request.value.handshake_ticket(), reply.value.message()));
  if (!final_step.status.ok()) return final_step.status;
  const auto done = replier.Process(reply.value.handshake_ticket(), final_step.value.message());
  if (!done.status.ok()) return done.status;
  if (done.value.result().shared_secret().size() != 32 ||
      done.value.result().shared_secret() != final_step.value.result().shared_secret()) {
    return {CallCode::kInternal, "the two sides do not share a secret"};
  }
  return {};
}

v1::DataHolder WithCertificate(const v1::DataHolder& request, const std::string& certificate) {
  v1::DataHolder message = request;
  message.clear_binary_properties();
  for (const v1::BinaryProperty& property : request.binary_properties()) {
    if (property.name() == "hash_c1") continue;
    v1::BinaryProperty& copy = *message.add_binary_properties();
    copy = property;
    if (property.name() == "c.id") copy.set_value(certificate);
  }
  return message;
}

}  // namespace ddskey::test
