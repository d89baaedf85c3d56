#ifndef DAEMON_HANDSHAKE_HANDSHAKE_TOKEN_H_
#define DAEMON_HANDSHAKE_HANDSHAKE_TOKEN_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace ddskey {

// BinaryProperty is a property of a handshake message token (DDS Security 7.2.1).
struct BinaryProperty {
  std::string name;
  std::string value;
};

// HandshakeToken is a HandshakeMessageToken as it travels: a DataHolder without string properties.
struct HandshakeToken {
  std::string class_id;
  std::vector<BinaryProperty> binary_properties;
};

// MessageRole is which of the three messages of a handshake a token is.
enum class MessageRole { kRequest, kReply, kFinal };

// HandshakeMessage is a token taken apart, every value as received. Absent properties are absent here.
struct HandshakeMessage {
  std::optional<std::string> c_id;
  std::optional<std::string> c_perm;
  std::optional<std::string> c_pdata;
  std::optional<std::string> c_dsign_algo;
  std::optional<std::string> c_kagree_algo;
  std::optional<std::string> hash_c1;
  std::optional<std::string> hash_c2;
  std::optional<std::string> dh1;
  std::optional<std::string> dh2;
  std::optional<std::string> challenge1;
  std::optional<std::string> challenge2;
  // What an OCSP responder said of c.id (DER). Nothing signs it: whoever is on the way can take it out or replace it.
  std::optional<std::string> ocsp_status;
  std::optional<std::string> signature;
};

// ParseToken takes a received token apart. It accepts the class ids of any minor version of PKI-DH with the suffix of
// `role`, and properties it does not know; it refuses, naming the check: "[class_id]", "[bounds]" (more than 32
// properties, names over 256, a token over 160 KiB), "[duplicate]" properties, and properties that `role` requires and
// that are absent or of a wrong size, under the property's own name.
absl::StatusOr<HandshakeMessage> ParseToken(MessageRole role, const HandshakeToken& token);

// BuildToken is the inverse, with the class id of version 1.0 and the properties in the order of the specification.
HandshakeToken BuildToken(MessageRole role, const HandshakeMessage& message);

// HashCredentials is hash_c1 or hash_c2: SHA-256 over the CDR of those of c.id, c.perm, c.pdata, c.dsign_algo and
// c.kagree_algo that are present, as received.
std::string HashCredentials(const HandshakeMessage& message);

// WithoutNul strips one trailing NUL, which some implementations send inside algorithm names and PEM documents.
std::string_view WithoutNul(std::string_view value);

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_HANDSHAKE_TOKEN_H_
