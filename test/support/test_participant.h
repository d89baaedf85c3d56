#ifndef TEST_SUPPORT_TEST_PARTICIPANT_H_
#define TEST_SUPPORT_TEST_PARTICIPANT_H_

#include <chrono>
#include <string>

#include "client/authentication_client.h"
#include "ddskey/v1/authentication.pb.h"

namespace ddskey::test {

// TestParticipant is a DDS participant reduced to its calls to the daemon: it validates an identity, and makes and
// answers handshake messages without a DDS core or a shim around it. Calls end after 20 s.
class TestParticipant {
 public:
  static constexpr uint32_t kDomain = 77;

  // `certificate` is the identity certificate of the QoS, PEM; `tag` tells the candidate GUIDs of participants apart.
  TestParticipant(const std::string& socket, std::string key_name, std::string certificate, char tag);

  // Validate asks for the adjusted GUID and the identity ticket, and keeps them.
  CallStatus Validate();
  // ValidateRequest is what Validate sends; tests may alter `request` before.
  v1::ValidateLocalIdentityRequest request;

  // The steps, with the challenge, participant data and permissions of this participant.
  CallResult<v1::HandshakeStep> Request(const TestParticipant& peer);
  CallResult<v1::HandshakeStep> Reply(const TestParticipant& peer, const v1::DataHolder& message,
                                      uint32_t wait_ms = 1000);
  // The same towards a peer of which only the GUID is known.
  CallResult<v1::HandshakeStep> Request(const std::string& peer_guid);
  CallResult<v1::HandshakeStep> Reply(const std::string& peer_guid, const v1::DataHolder& message,
                                      uint32_t wait_ms = 1000);
  CallResult<v1::HandshakeStep> Process(const std::string& handshake_ticket, const v1::DataHolder& message,
                                        uint32_t wait_ms = 1000);
  CallResult<v1::HandshakeStep> Sign(const std::string& sign_ticket, uint32_t wait_ms = 1000);
  // Finish is Sign until the step is done or refused; UNAVAILABLE is tried again, as a shim does.
  CallResult<v1::HandshakeStep> Finish(CallResult<v1::HandshakeStep> step,
                                       std::chrono::milliseconds limit = std::chrono::seconds(20));

  const std::string& guid() const { return guid_; }
  const std::string& identity_ticket() const { return identity_ticket_; }
  std::string participant_data() const;
  AuthenticationClient& client() { return client_; }

 private:
  static CallClock::time_point Soon() { return CallClock::now() + std::chrono::seconds(20); }
  template <typename Message>
  Message Offer(const std::string& peer_guid) const;

  AuthenticationClient client_;
  char tag_;
  std::string guid_;
  std::string identity_ticket_;
};

// Shake runs a whole handshake that `initiator` begins, and returns the first status that is not OK. Both sides'
// shared secrets must be equal.
CallStatus Shake(TestParticipant& initiator, TestParticipant& replier);

// WithCertificate is a Request whose c.id is another certificate, and without hash_c1, which is optional: nothing but
// the certificate is different.
v1::DataHolder WithCertificate(const v1::DataHolder& request, const std::string& certificate);

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_TEST_PARTICIPANT_H_
