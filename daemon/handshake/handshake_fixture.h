#ifndef DAEMON_HANDSHAKE_HANDSHAKE_FIXTURE_H_
#define DAEMON_HANDSHAKE_HANDSHAKE_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include <memory>
#include <string>

#include "daemon/handshake/handshake.h"
#include "daemon/handshake/handshake_token.h"
#include "daemon/handshake/participant_data.h"
#include "test/support/status_matchers.h"

namespace ddskey {

inline constexpr uint32_t kDomain = 77;

inline std::string ParticipantDataOf(const Guid& guid, uint32_t domain = kDomain) {
  return std::string("\0\2\0\0\0\x0f\0\4\0\0\0", 11) + static_cast<char>(domain) + std::string("\0\x50\0\x10", 4) +
         GuidOctets(guid) + std::string("\0\1\0\0", 4);
}

// Party is a participant with a real P-256 key; its certificate is a name that stands for the key.
class Party {
 public:
  explicit Party(const std::string& name) : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), subject_("subject of " + name) {
    Guid candidate = {};
    candidate[0] = static_cast<uint8_t>(name[0]);
    candidate[15] = 0xc1;
    local = {.key_uuid = name,
             .certificate = "certificate of " + name,
             .guid = AdjustedGuid(subject_, candidate),
             .domain_id = kDomain};
  }

  LocalOffer OfferTo(const Party& peer, char challenge) const {
    return {.remote_guid = peer.local.guid,
            .challenge = std::string(32, challenge),
            .participant_data = ParticipantDataOf(local.guid),
            .permissions = "permissions of " + local.key_uuid,
            .remote_future_challenge = ""};
  }

  std::string Sign(const std::string& octets) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    std::string signature(80, '\0');
    size_t size = signature.size();
    EXPECT_EQ(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()), 1);
    EXPECT_EQ(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                             reinterpret_cast<const unsigned char*>(octets.data()), octets.size()),
              1);
    signature.resize(size);
    return signature;
  }

  PeerCredential Credential() const {
    return {subject_, [key = key_](std::string_view octets, std::string_view signature) {
              const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
              const auto* text = reinterpret_cast<const unsigned char*>(octets.data());
              const bool good =
                  EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
                  EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                                   signature.size(), text, octets.size()) == 1;
              return good ? absl::OkStatus() : absl::PermissionDeniedError("bad signature");
            }};
  }

  LocalParticipant local;

 private:
  std::shared_ptr<EVP_PKEY> key_;
  std::string subject_;
};

inline std::string& PropertyOf(HandshakeToken& token, const std::string& name) {
  for (BinaryProperty& property : token.binary_properties) {
    if (property.name == name) return property.value;
  }
  ADD_FAILURE() << "no property " << name;
  return token.class_id;
}

// Rehash makes hash_cN fit the altered credentials of a token, as an attacker would.
inline void Rehash(MessageRole role, HandshakeToken& token) {
  const auto message = ParseToken(role, token);
  if (message.ok())
    PropertyOf(token, role == MessageRole::kRequest ? "hash_c1" : "hash_c2") = HashCredentials(*message);
}

// HandshakeTest has alice, who initiates, and bob, who replies, and runs their steps on tokens.
class HandshakeTest : public ::testing::Test {
 protected:
  absl::StatusOr<HandshakeState> Reply(const HandshakeToken& request) {
    auto message = ParseToken(MessageRole::kRequest, request);
    if (!message.ok()) return message.status();
    return PrepareReply(bob_.local, bob_offer_, *message, alice_.Credential());
  }
  absl::StatusOr<HandshakeState> Final(const HandshakeState& state, const HandshakeToken& reply) {
    auto message = ParseToken(MessageRole::kReply, reply);
    if (!message.ok()) return message.status();
    return PrepareFinal(state, *message, bob_.Credential());
  }
  absl::StatusOr<HandshakeOutcome> Finish(const HandshakeState& state, const HandshakeToken& token) {
    auto message = ParseToken(MessageRole::kFinal, token);
    if (!message.ok()) return message.status();
    return ProcessFinal(state, *message, alice_.Credential());
  }
  static void ExpectRefused(const absl::Status& status, const std::string& check) {
    EXPECT_THAT(status,
                ::ddskey::test::StatusIs(absl::StatusCode::kInvalidArgument, ::testing::StartsWith("[" + check + "]")));
  }

  Party alice_{"alice"};
  Party bob_{"bob"};
  LocalOffer alice_offer_ = alice_.OfferTo(bob_, 'a');
  LocalOffer bob_offer_ = bob_.OfferTo(alice_, 'b');
};

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_HANDSHAKE_FIXTURE_H_
