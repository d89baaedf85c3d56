#ifndef TEST_SUPPORT_TOKEN_PEER_H_
#define TEST_SUPPORT_TOKEN_PEER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ddskey/v1/authentication.pb.h"
#include "test/support/pki.h"

namespace ddskey::test {

// ValueOf is the value of a binary property, empty if it is not there; SetValue alters or adds one, RemoveValue takes
// one out.
std::string ValueOf(const v1::DataHolder& token, const std::string& name);
void SetValue(v1::DataHolder& token, const std::string& name, const std::string& value);
void RemoveValue(v1::DataHolder& token, const std::string& name);

// TokenPeer is a peer on the network, reduced to its handshake messages. It shares no code with the daemon: encoding,
// hashes, key agreement and signatures are its own, after DDS Security 9.3.2.5. By its habits it behaves as another
// implementation does; by what tests alter in it, as an attacker who has what is in it.
class TokenPeer {
 public:
  struct Habits {
    // Connext 7.3 leaves hash_c1, hash_c2 and dh1 out of a Reply; without them here also out of the other messages.
    bool optional_fields = true;
    // OpenDDS, Connext and Cyclone DDS end algorithm names with a NUL.
    bool nul_names = false;
    // Cyclone DDS and Fast DDS take the longest salt that fits: 222 octets with RSA-2048.
    int pss_salt = 32;
    // Connext 7.3 speaks 1.2.
    std::string version = "1.0";
  };

  // A peer with a fresh key that `ca` certifies.
  TokenPeer(const TestCa& ca, const CertificateOptions& options, TestKeyType type, Habits habits);
  TokenPeer(const TestCa& ca, const CertificateOptions& options) : TokenPeer(ca, options, TestKeyType::kEcP256, {}) {}

  // SetGuid gives it a GUID that its certificate allows, a different one for each `number`, and the participant data of
  // that GUID.
  void SetGuid(uint32_t number);

  // The messages. Reply answers a Request as received; Final checks a Reply and answers it, or returns nothing if the
  // Reply is not good; Completes is true if a Final is good.
  v1::DataHolder Request();
  v1::DataHolder Reply(const v1::DataHolder& request);
  std::optional<v1::DataHolder> Final(const v1::DataHolder& reply);
  bool Completes(const v1::DataHolder& final_message) const;
  // SharedSecret is what both sides derive from what they agreed on, once Reply or Final was called.
  const std::string& shared_secret() const { return shared_secret_; }
  const std::string& guid() const { return guid_; }

  // What goes into the messages.
  TestKey key;
  std::string certificate;
  std::string participant_data;
  std::string signature_algorithm;
  std::string key_agreement = "ECDH+prime256v1-CEUM";
  std::string public_value;
  std::string challenge = std::string(32, 'p');

 private:
  struct Values {
    std::string hash_c1, hash_c2, dh1, dh2, challenge1, challenge2;
  };

  v1::DataHolder Message(const std::string& role) const;
  void AddCredentials(v1::DataHolder& token) const;
  void Agree(const std::string& peer_value);
  std::string ReplyOctets() const;
  std::string FinalOctets() const;

  const Habits habits_;
  std::string guid_;
  std::shared_ptr<EVP_PKEY> ephemeral_;
  Values values_;
  std::string peer_certificate_;
  std::string shared_secret_;
};

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_TOKEN_PEER_H_
