// The state that handshakes leave in tickets (daemon/handshake/handshake_state.h).
// An input is the body of a ticket, with escapes; and each of its lines is a field of a state.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/handshake/handshake_state.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

constexpr std::string HandshakeState::*kTexts[] = {
    &HandshakeState::key_uuid,
    &HandshakeState::challenge1,
    &HandshakeState::challenge2,
    &HandshakeState::hash_c1,
    &HandshakeState::hash_c2,
    &HandshakeState::dh1,
    &HandshakeState::dh2,
    &HandshakeState::peer_certificate,
    &HandshakeState::peer_permissions,
    &HandshakeState::peer_ocsp_response,
    &HandshakeState::own_permissions_digest,
};
constexpr std::optional<std::string> HandshakeMessage::*kOwn[] = {
    &HandshakeMessage::c_id,         &HandshakeMessage::c_perm,        &HandshakeMessage::c_pdata,
    &HandshakeMessage::c_dsign_algo, &HandshakeMessage::c_kagree_algo, &HandshakeMessage::ocsp_status,
};

bool Same(const HandshakeState& a, const HandshakeState& b) {
  bool same = a.local_guid == b.local_guid && a.remote_guid == b.remote_guid && a.domain_id == b.domain_id;
  for (const auto text : kTexts) same = same && a.*text == b.*text;
  for (const auto own : kOwn) same = same && a.own.*own == b.own.*own;
  return same && a.key_agreement == b.key_agreement;
}

// StateOf takes the fields from lines, in turn; an own one that is "-" is absent, which an empty one is not.
HandshakeState StateOf(const std::vector<std::string_view>& lines) {
  HandshakeState state;
  size_t next = 0;
  const auto line = [&](const char* none) { return next < lines.size() ? Unescape(lines[next++]) : std::string(none); };
  for (const auto text : kTexts) state.*text = line("");
  for (const auto own : kOwn) {
    std::string value = line("-");
    if (value != "-") state.own.*own = std::move(value);
  }
  state.domain_id = Number(line("0"));
  state.key_agreement = line("");
  state.local_guid[15] = static_cast<uint8_t>(lines.size());
  return state;
}

std::string Encode(HandshakeState state) {
  // The planted bug: an empty property is written like an absent one.
  for (const auto own : kOwn) {
    if (planted_bug && state.own.*own == "") (state.own.*own).reset();
  }
  return EncodeState(state);
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  const std::string_view input = AsText(data, size);
  const std::string body = Unescape(input);
  if (const auto decoded = DecodeState(body)) {
    Require(EncodeState(*decoded) == body, "only what was encoded is decoded");
    Require(!decoded->secret.has_value(), "no secret is in the body");
  }
  const HandshakeState state = StateOf(Lines(input));
  const std::string encoded = Encode(StateOf(Lines(input)));
  const auto again = DecodeState(encoded);
  Require(again.has_value() && Same(*again, state), "decoding gives what was encoded");
  Require(!DecodeState(encoded.substr(0, encoded.size() - 1)).has_value(), "a cut body is no state");
  Require(!DecodeState(encoded + "x").has_value(), "a body with more after it is no state");
  return 0;
}
