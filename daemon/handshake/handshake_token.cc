#include "daemon/handshake/handshake_token.h"

#include <array>
#include <set>
#include <utility>

#include "daemon/handshake/cdr.h"
#include "daemon/handshake/check.h"
#include "daemon/handshake/digest.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr size_t kMaxProperties = 32;
constexpr size_t kMaxNameSize = 256;
constexpr size_t kMaxTokenSize = size_t{160} * 1024;
constexpr size_t kChallengeSize = 32;
constexpr size_t kHashSize = 32;
// A signature of RSA-4096 has 512 octets, a MODP value of 2048 bits 256 and an ASN.1 header.
constexpr size_t kMaxSignatureSize = 512;
constexpr size_t kMaxPublicValueSize = 300;
constexpr size_t kMaxAlgorithmSize = 64;
constexpr size_t kMaxOcspResponseSize = size_t{16} * 1024;

constexpr std::string_view kClassPrefix = "DDS:Auth:PKI-DH:";

std::string_view SuffixOf(MessageRole role) {
  switch (role) {
    case MessageRole::kRequest:
      return "+Req";
    case MessageRole::kReply:
      return "+Reply";
    case MessageRole::kFinal:
      return "+Final";
  }
  return "";
}

// Field describes a property: where it is kept, its limits, and which messages must have it.
struct Field {
  std::string_view name;
  std::optional<std::string> HandshakeMessage::*member;
  size_t min_size;
  size_t max_size;
  bool in_request;
  bool in_reply;
  bool in_final;
  bool required;  // in the messages it is in
};

// Order of the specification, clauses 9.3.2.5.1 to 9.3.2.5.3. What Connext leaves out of a Reply is not required.
constexpr std::array kFields = {
    Field{"c.id", &HandshakeMessage::c_id, 1, 16 * 1024, true, true, false, true},
    Field{"c.perm", &HandshakeMessage::c_perm, 0, 64 * 1024, true, true, false, false},
    Field{"c.pdata", &HandshakeMessage::c_pdata, 1, 64 * 1024, true, true, false, true},
    Field{"c.dsign_algo", &HandshakeMessage::c_dsign_algo, 1, kMaxAlgorithmSize, true, true, false, true},
    Field{"c.kagree_algo", &HandshakeMessage::c_kagree_algo, 1, kMaxAlgorithmSize, true, true, false, true},
    Field{"hash_c1", &HandshakeMessage::hash_c1, kHashSize, kHashSize, true, true, true, false},
    Field{"hash_c2", &HandshakeMessage::hash_c2, kHashSize, kHashSize, false, true, true, false},
    Field{"dh1", &HandshakeMessage::dh1, 1, kMaxPublicValueSize, true, true, true, false},
    Field{"dh2", &HandshakeMessage::dh2, 1, kMaxPublicValueSize, false, true, true, false},
    Field{"challenge1", &HandshakeMessage::challenge1, kChallengeSize, kChallengeSize, true, true, true, true},
    Field{"challenge2", &HandshakeMessage::challenge2, kChallengeSize, kChallengeSize, false, true, true, true},
    Field{"ocsp_status", &HandshakeMessage::ocsp_status, 0, kMaxOcspResponseSize, true, true, false, false},
    Field{"signature", &HandshakeMessage::signature, 1, kMaxSignatureSize, false, true, true, true},
};

bool IsIn(const Field& field, MessageRole role) {
  switch (role) {
    case MessageRole::kRequest:
      return field.in_request;
    case MessageRole::kReply:
      return field.in_reply;
    case MessageRole::kFinal:
      return field.in_final;
  }
  return false;
}

bool IsRequired(const Field& field, MessageRole role) {
  // The public value that a message introduces is required there and optional where it is only repeated.
  if (field.name == "dh1") return role == MessageRole::kRequest;
  if (field.name == "dh2") return role == MessageRole::kReply;
  return field.required;
}

absl::Status CheckClassId(MessageRole role, std::string_view class_id) {
  const std::string_view suffix = SuffixOf(role);
  if (class_id.size() <= kClassPrefix.size() + suffix.size() || !class_id.starts_with(kClassPrefix) ||
      !class_id.ends_with(suffix)) {
    return Refuse("class_id", "the token's class id is not that of this handshake message");
  }
  std::string_view version = class_id.substr(kClassPrefix.size());
  version.remove_suffix(suffix.size());
  // Major version 1, and a minor version of one or two digits.
  const bool known = (version.size() == 3 || version.size() == 4) && version.starts_with("1.") &&
                     version.find_first_not_of("0123456789", 2) == std::string_view::npos;
  if (!known) return Refuse("class_id", "the token's class id names another major version of the protocol");
  return absl::OkStatus();
}

absl::Status CheckBounds(const HandshakeToken& token) {
  if (token.binary_properties.size() > kMaxProperties) return Refuse("bounds", "the token has too many properties");
  size_t size = token.class_id.size();
  std::set<std::string_view> names;
  for (const BinaryProperty& property : token.binary_properties) {
    if (property.name.size() > kMaxNameSize) return Refuse("bounds", "a property of the token has too long a name");
    size += property.name.size() + property.value.size();
    if (!names.insert(property.name).second) return Refuse("duplicate", "a property is there more than once");
  }
  if (size > kMaxTokenSize) return Refuse("bounds", "the token is over 160 KiB");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HandshakeMessage> ParseToken(MessageRole role, const HandshakeToken& token) {
  RETURN_IF_ERROR(CheckClassId(role, token.class_id));
  RETURN_IF_ERROR(CheckBounds(token));
  HandshakeMessage message;
  for (const Field& field : kFields) {
    if (!IsIn(field, role)) continue;
    const BinaryProperty* found = nullptr;
    for (const BinaryProperty& property : token.binary_properties) {
      if (property.name == field.name) found = &property;
    }
    if (found == nullptr) {
      if (IsRequired(field, role)) return Refuse(field.name, "the property is missing");
      continue;
    }
    if (found->value.size() < field.min_size || found->value.size() > field.max_size) {
      return Refuse(field.name, "the property has a wrong size");
    }
    message.*field.member = found->value;
  }
  return message;
}

HandshakeToken BuildToken(MessageRole role, const HandshakeMessage& message) {
  HandshakeToken token;
  token.class_id = std::string(kClassPrefix) + "1.0" + std::string(SuffixOf(role));
  for (const Field& field : kFields) {
    const std::optional<std::string>& value = message.*field.member;
    if (IsIn(field, role) && value.has_value()) {
      token.binary_properties.push_back({std::string(field.name), *value});
    }
  }
  return token;
}

std::string HashCredentials(const HandshakeMessage& message) {
  std::vector<std::pair<std::string_view, std::string_view>> present;
  for (const Field& field : kFields) {
    const std::optional<std::string>& value = message.*field.member;
    if (field.name.starts_with("c.") && value.has_value()) present.emplace_back(field.name, *value);
  }
  return Sha256(EncodeBinaryPropertySeq(present));
}

std::string_view WithoutNul(std::string_view value) {
  if (value.ends_with('\0')) value.remove_suffix(1);
  return value;
}

}  // namespace ddskey
