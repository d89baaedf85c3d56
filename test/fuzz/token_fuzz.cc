// Handshake tokens (daemon/handshake/handshake_token.h).
// An input is lines: the role (`Req`, `Reply`, `Final`), the class id, then `name=value` for each binary property.

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/handshake/cdr.h"
#include "daemon/handshake/handshake_token.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

struct Member {
  std::string_view name;
  std::optional<std::string> HandshakeMessage::*value;
  // R, P and F: the messages that must have it.
  std::string_view required;
  size_t fixed_size;
};

constexpr std::array kMembers = {
    Member{"c.id", &HandshakeMessage::c_id, "RP", 0},
    Member{"c.perm", &HandshakeMessage::c_perm, "", 0},
    Member{"c.pdata", &HandshakeMessage::c_pdata, "RP", 0},
    Member{"c.dsign_algo", &HandshakeMessage::c_dsign_algo, "RP", 0},
    Member{"c.kagree_algo", &HandshakeMessage::c_kagree_algo, "RP", 0},
    Member{"hash_c1", &HandshakeMessage::hash_c1, "", 32},
    Member{"hash_c2", &HandshakeMessage::hash_c2, "", 32},
    Member{"dh1", &HandshakeMessage::dh1, "R", 0},
    Member{"dh2", &HandshakeMessage::dh2, "P", 0},
    Member{"challenge1", &HandshakeMessage::challenge1, "RPF", 32},
    Member{"challenge2", &HandshakeMessage::challenge2, "PF", 32},
    Member{"signature", &HandshakeMessage::signature, "PF", 0},
};

MessageRole RoleOf(std::string_view line) {
  if (line == "Reply") return MessageRole::kReply;
  return line == "Final" ? MessageRole::kFinal : MessageRole::kRequest;
}

char LetterOf(MessageRole role) {
  return role == MessageRole::kRequest ? 'R' : role == MessageRole::kReply ? 'P' : 'F';
}

bool Same(const HandshakeMessage& a, const HandshakeMessage& b) {
  return std::all_of(kMembers.begin(), kMembers.end(),
                     [&](const Member& member) { return a.*member.value == b.*member.value; });
}

const std::string* Find(const HandshakeToken& token, std::string_view name) {
  for (const BinaryProperty& property : token.binary_properties) {
    if (property.name == name) return &property.value;
  }
  return nullptr;
}

// The planted bug: of properties that are there twice, the first one counts.
HandshakeToken WithoutDuplicates(HandshakeToken token) {
  std::set<std::string> names;
  std::erase_if(token.binary_properties,
                [&names](const BinaryProperty& property) { return !names.insert(property.name).second; });
  return token;
}

absl::StatusOr<HandshakeMessage> Parse(MessageRole role, const HandshakeToken& token) {
  return ParseToken(role, planted_bug ? WithoutDuplicates(token) : token);
}

void CheckRefusal(const absl::Status& status) {
  const std::string_view text(status.message().data(), status.message().size());
  Require(status.code() == absl::StatusCode::kInvalidArgument, "a bad token is an invalid argument");
  Require(text.starts_with('[') && text.find(']') != std::string_view::npos, "a refusal names its check");
  Require(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }),
          "a refusal has no octets of the peer");
}

void CheckLimits(MessageRole role, const HandshakeToken& token) {
  std::set<std::string> names;
  size_t size = token.class_id.size();
  for (const BinaryProperty& property : token.binary_properties) {
    Require(names.insert(property.name).second, "an accepted token has no property twice");
    Require(property.name.size() <= 256, "an accepted token has no long name");
    size += property.name.size() + property.value.size();
  }
  Require(names.size() <= 32 && size <= size_t{160} * 1024, "an accepted token is small");
  for (const Member& member : kMembers) {
    const std::string* const value = Find(token, member.name);
    const bool required = member.required.find(LetterOf(role)) != std::string_view::npos;
    Require(value != nullptr || !required, "an accepted token has what its role requires");
    if (required) Require(!value->empty(), "what is required is not empty");
  }
}

void CheckValues(const HandshakeToken& token, const HandshakeMessage& message) {
  for (const Member& member : kMembers) {
    const std::optional<std::string>& value = message.*member.value;
    if (!value.has_value()) continue;
    const std::string* const sent = Find(token, member.name);
    Require(sent != nullptr && *sent == *value, "values are as they were received");
    Require(member.fixed_size == 0 || value->size() == member.fixed_size, "challenges and hashes have 32 octets");
  }
}

void CheckHash(const HandshakeMessage& message) {
  std::vector<std::pair<std::string_view, std::string_view>> credentials;
  for (const Member& member : kMembers) {
    if (member.name.starts_with("c.") && (message.*member.value).has_value()) {
      credentials.emplace_back(member.name, *(message.*member.value));
    }
  }
  const std::string octets = EncodeBinaryPropertySeq(credentials);
  std::string hash(32, '\0');
  EVP_Digest(octets.data(), octets.size(), reinterpret_cast<unsigned char*>(hash.data()), nullptr, EVP_sha256(),
             nullptr);
  Require(HashCredentials(message) == hash, "hash_c1 and hash_c2 are over the octets as received");
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  const std::vector<std::string_view> lines = Lines(AsText(data, size));
  if (lines.size() < 2) return 0;
  const MessageRole role = RoleOf(lines[0]);
  HandshakeToken token;
  token.class_id = Unescape(lines[1]);
  for (size_t i = 2; i < lines.size(); ++i) {
    auto [name, value] = Field(lines[i]);
    token.binary_properties.push_back({std::move(name), std::move(value)});
  }

  const auto message = Parse(role, token);
  if (!message.ok()) {
    CheckRefusal(message.status());
    return 0;
  }
  CheckLimits(role, token);
  CheckValues(token, *message);
  CheckHash(*message);
  const HandshakeToken built = BuildToken(role, *message);
  const auto again = Parse(role, built);
  Require(again.ok() && Same(*again, *message), "what is built parses to the same");
  Require(BuildToken(role, *again).binary_properties.size() == built.binary_properties.size(),
          "building is the inverse of parsing");
  std::reverse(token.binary_properties.begin(), token.binary_properties.end());
  const auto reversed = Parse(role, token);
  Require(reversed.ok() && Same(*reversed, *message), "the order of properties means nothing");
  return 0;
}
