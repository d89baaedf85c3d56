// What an attacker on the network can do who has a certificate and a key of its own, or only what others sent: against
// the real daemon. What can be done by altering single messages is in tampering_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "test/support/pki.h"
#include "test/support/test_daemon.h"
#include "test/support/test_participant.h"
#include "test/support/token_peer.h"

namespace ddskey {
namespace {

using ::ddskey::test::Named;
using ::ddskey::test::RemoveValue;
using ::ddskey::test::SetValue;
using ::ddskey::test::TestCa;
using ::ddskey::test::TestDaemon;
using ::ddskey::test::TestKeyType;
using ::ddskey::test::TestParticipant;
using ::ddskey::test::TokenPeer;
using ::ddskey::test::ValueOf;
using ::testing::StartsWith;

// Bob is ours; Carol an honest peer of his on the network, Mallory one who has a certificate of the same CA.
class AttackTest : public ::testing::Test {
 protected:
  using Step = CallResult<v1::HandshakeStep>;

  void SetUp() override { ASSERT_TRUE(bob_.Validate().ok()); }

  // A peer's Reply to a Request of Bob's, who takes the peer for `guid`.
  CallStatus ReplyOf(TokenPeer& peer, const std::string& guid) {
    const Step request = bob_.Request(guid);
    if (!request.status.ok()) return request.status;
    return bob_.Process(request.value.handshake_ticket(), peer.Reply(request.value.message()), 0).status;
  }
  CallStatus ReplyOf(TokenPeer& peer) { return ReplyOf(peer, peer.guid()); }

  // A peer's Request, or else its Final to Bob's Reply.
  CallStatus FinalOf(TokenPeer& peer, const std::string& guid) {
    const Step reply = bob_.Finish(bob_.Reply(guid, peer.Request()));
    if (!reply.status.ok()) return reply.status;
    const auto final_message = peer.Final(reply.value.message());
    if (!final_message.has_value()) return {CallCode::kUnknown, "the peer does not take Bob's Reply"};
    return bob_.Process(reply.value.handshake_ticket(), *final_message).status;
  }
  CallStatus FinalOf(TokenPeer& peer) { return FinalOf(peer, peer.guid()); }

  static void ExpectRefused(const CallStatus& status, const std::string& check) {
    EXPECT_EQ(status.code, CallCode::kInvalidArgument) << status.message;
    EXPECT_THAT(status.message, StartsWith("[" + check + "]"));
  }

  TestCa ca_ = TestCa::Root("identity CA");
  TestDaemon daemon_;
  TestParticipant bob_{daemon_.socket(), "bob", daemon_.Enroll("bob", ca_, Named("bob")), 'b'};
  TokenPeer carol_{ca_, Named("carol")};
  TokenPeer mallory_{ca_, Named("mallory")};
};

TEST_F(AttackTest, HonestPeersMeetBob) {
  for (TokenPeer* peer : {&carol_, &mallory_}) {
    EXPECT_TRUE(ReplyOf(*peer).ok());
    EXPECT_TRUE(FinalOf(*peer).ok());
  }
}

TEST_F(AttackTest, ReflectedMessagesAreRefused) {
  const Step request = bob_.Request(carol_.guid());
  ASSERT_TRUE(request.status.ok()) << request.status.message;
  const v1::DataHolder& sent = request.value.message();
  ExpectRefused(bob_.Reply(bob_.guid(), sent).status, "reflection");
  ExpectRefused(bob_.Reply(carol_.guid(), sent).status, "guid");
  ExpectRefused(bob_.Process(request.value.handshake_ticket(), sent).status, "class_id");
  // His own Reply for a Final: the signature is good, but says another thing.
  const Step reply = bob_.Finish(bob_.Reply(carol_.guid(), carol_.Request()));
  ASSERT_TRUE(reply.status.ok()) << reply.status.message;
  v1::DataHolder back = reply.value.message();
  ExpectRefused(bob_.Process(reply.value.handshake_ticket(), back).status, "class_id");
  back.set_class_id("DDS:Auth:PKI-DH:1.0+Final");
  ExpectRefused(bob_.Process(reply.value.handshake_ticket(), back).status, "signature");
}

TEST_F(AttackTest, AReplierThatGivesTheInitiatorItsOwnValuesBackIsRefused) {
  const Step request = bob_.Request(mallory_.guid());
  ASSERT_TRUE(request.status.ok()) << request.status.message;
  const auto answer = [&] {
    return bob_.Process(request.value.handshake_ticket(), mallory_.Reply(request.value.message()), 0).status;
  };
  const std::string honest = std::exchange(mallory_.public_value, ValueOf(request.value.message(), "dh1"));
  ExpectRefused(answer(), "reflection");
  mallory_.public_value = honest;
  mallory_.challenge = ValueOf(request.value.message(), "challenge1");
  ExpectRefused(answer(), "reflection");
  mallory_.challenge = std::string(32, 'm');
  EXPECT_TRUE(answer().ok());
}

TEST_F(AttackTest, AnOldHandshakeReplayedAsAWholeIsWorthNothing) {
  // Carol initiated.
  const v1::DataHolder old_request = carol_.Request();
  const Step old_reply = bob_.Finish(bob_.Reply(carol_.guid(), old_request));
  ASSERT_TRUE(old_reply.status.ok()) << old_reply.status.message;
  v1::DataHolder old_final = *carol_.Final(old_reply.value.message());
  ASSERT_TRUE(bob_.Process(old_reply.value.handshake_ticket(), old_final).status.ok());
  const Step new_reply = bob_.Finish(bob_.Reply(carol_.guid(), old_request));
  ASSERT_TRUE(new_reply.status.ok()) << new_reply.status.message;
  EXPECT_NE(ValueOf(new_reply.value.message(), "dh2"), ValueOf(old_reply.value.message(), "dh2"));
  ExpectRefused(bob_.Process(new_reply.value.handshake_ticket(), old_final).status, "dh2");
  for (const char* optional : {"hash_c1", "hash_c2", "dh1", "dh2"}) RemoveValue(old_final, optional);
  ExpectRefused(bob_.Process(new_reply.value.handshake_ticket(), old_final).status, "signature");
  // Carol replied. Bob's challenge is the same again, which the ephemeral key has to make up for.
  const Step first = bob_.Request(carol_.guid());
  v1::DataHolder recorded = carol_.Reply(first.value.message());
  ASSERT_TRUE(bob_.Process(first.value.handshake_ticket(), recorded).status.ok());
  const Step second = bob_.Request(carol_.guid());
  ASSERT_EQ(ValueOf(second.value.message(), "challenge1"), ValueOf(first.value.message(), "challenge1"));
  ExpectRefused(bob_.Process(second.value.handshake_ticket(), recorded).status, "dh1");
  RemoveValue(recorded, "dh1");
  ExpectRefused(bob_.Process(second.value.handshake_ticket(), recorded).status, "signature");
}

TEST_F(AttackTest, SwappedChallengesAreRefused) {
  const auto swap = [](v1::DataHolder token) {
    const std::string first = ValueOf(token, "challenge1");
    SetValue(token, "challenge1", ValueOf(token, "challenge2"));
    SetValue(token, "challenge2", first);
    return token;
  };
  const Step request = bob_.Request(carol_.guid());
  const v1::DataHolder reply = carol_.Reply(request.value.message());
  ExpectRefused(bob_.Process(request.value.handshake_ticket(), swap(reply)).status, "challenge1");
  const Step answer = bob_.Finish(bob_.Reply(carol_.guid(), carol_.Request()));
  const auto final_message = carol_.Final(answer.value.message());
  ASSERT_TRUE(final_message.has_value());
  ExpectRefused(bob_.Process(answer.value.handshake_ticket(), swap(*final_message)).status, "challenge1");
  EXPECT_TRUE(bob_.Process(answer.value.handshake_ticket(), *final_message).status.ok());
}

TEST_F(AttackTest, AGoodCertificateWithSomebodyElsesSignatureIsRefused) {
  // Mallory shows Carol's certificate, which everybody has seen.
  mallory_.certificate = carol_.certificate;
  mallory_.SetGuid(0);
  ASSERT_EQ(mallory_.guid(), carol_.guid());
  ExpectRefused(ReplyOf(mallory_), "signature");
  ExpectRefused(FinalOf(mallory_), "signature");
}

TEST_F(AttackTest, S7AGoodCertificateUnderAnotherParticipantsGuidIsRefused) {
  // In truth about who it is, but sent as Carol; and then in the name of Carol.
  ExpectRefused(ReplyOf(mallory_, carol_.guid()), "guid");
  ExpectRefused(FinalOf(mallory_, carol_.guid()), "guid");
  mallory_.participant_data = carol_.participant_data;
  ExpectRefused(ReplyOf(mallory_, carol_.guid()), "guid_subject");
  ExpectRefused(FinalOf(mallory_, carol_.guid()), "guid_subject");
  // A GUID that differs from the announced one only where the certificate does not say.
  mallory_.SetGuid(1);
  const std::string announced = mallory_.guid();
  mallory_.SetGuid(2);
  ExpectRefused(ReplyOf(mallory_, announced), "guid");
  ExpectRefused(FinalOf(mallory_, announced), "guid");
}

TEST_F(AttackTest, SignaturesByAKeyOfAnotherTypeThanTheCertificatesAreRefused) {
  for (const TestKeyType type : {TestKeyType::kEcP256, TestKeyType::kRsa2048}) {
    const TestKeyType other = type == TestKeyType::kEcP256 ? TestKeyType::kRsa2048 : TestKeyType::kEcP256;
    TokenPeer peer(ca_, Named("peer"), type, {});
    peer.key = test::TestKey::Generate(other);
    for (const char* algorithm : {"ECDSA-SHA256", "RSASSA-PSS-SHA256"}) {
      peer.signature_algorithm = algorithm;
      ExpectRefused(ReplyOf(peer), "signature");
      ExpectRefused(FinalOf(peer), "signature");
    }
  }
}

TEST_F(AttackTest, S5PublicValuesThatAreNoPointsOfTheCurveAreRefused) {
  const std::string good = mallory_.public_value;
  std::string off_curve = good;
  off_curve.back() = static_cast<char>(off_curve.back() ^ 1);
  const std::vector<std::string> bad = {off_curve,
                                        std::string(1, '\0'),
                                        std::string(1, '\4') + std::string(64, '\0'),
                                        std::string(1, '\4') + std::string(64, '\xff'),
                                        std::string(1, '\2') + good.substr(1, 32),
                                        std::string(1, '\6') + good.substr(1),
                                        good.substr(0, 64),
                                        good + '\0'};
  for (const std::string& value : bad) {
    mallory_.public_value = value;
    ExpectRefused(bob_.Reply(mallory_.guid(), mallory_.Request(), 0).status, "dh1");
    ExpectRefused(ReplyOf(mallory_), "dh2");
  }
}

// The prime of DH+MODP-2048-256 (RFC 5114 2.3) less `subtract`, 256 octets.
std::string PrimeLess(unsigned long subtract) {
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "DHX", nullptr), EVP_PKEY_CTX_free);
  std::string group = "dh_2048_256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
                               OSSL_PARAM_construct_end()};
  EVP_PKEY* key = nullptr;
  BIGNUM* prime = nullptr;
  std::string octets(256, '\0');
  if (EVP_PKEY_paramgen_init(context.get()) != 1 || EVP_PKEY_CTX_set_params(context.get(), params) != 1 ||
      EVP_PKEY_generate(context.get(), &key) != 1 || EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_FFC_P, &prime) != 1 ||
      BN_sub_word(prime, subtract) != 1 ||
      BN_bn2binpad(prime, reinterpret_cast<unsigned char*>(octets.data()), 256) != 256) {
    ADD_FAILURE() << "OpenSSL does not know the group";
  }
  BN_free(prime);
  EVP_PKEY_free(key);
  return octets;
}

TEST_F(AttackTest, S5PublicValuesOfSmallOrderAreRefused) {
  mallory_.key_agreement = "DH+MODP-2048-256";
  const std::string zeros(255, '\0');
  // 2 generates another subgroup than the one of order q.
  for (const std::string& value : {zeros + '\0', zeros + '\1', zeros + '\2', PrimeLess(1), PrimeLess(0)}) {
    mallory_.public_value = value;
    ExpectRefused(bob_.Reply(mallory_.guid(), mallory_.Request(), 0).status, "dh1");
  }
}

TEST_F(AttackTest, S5AnAlteredTicketReadsLikeAnyOtherThatDoesNotOpen) {
  const Step request = bob_.Request(carol_.guid());
  const v1::DataHolder reply = carol_.Reply(request.value.message());
  const std::string ticket = request.value.handshake_ticket();
  const std::string junk = bob_.Process("junk", reply).status.message;
  for (size_t at = 0; at < ticket.size(); at += 1 + ticket.size() / 100) {
    std::string altered = ticket;
    altered[at] = static_cast<char>(altered[at] ^ 1);
    const CallStatus status = bob_.Process(altered, reply, 0).status;
    EXPECT_EQ(status.code, CallCode::kFailedPrecondition) << at;
    EXPECT_EQ(status.message, junk) << at;
  }
  EXPECT_TRUE(bob_.Process(ticket, reply).status.ok());
}

}  // namespace
}  // namespace ddskey
