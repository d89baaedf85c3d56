#include "daemon/handshake/handshake_state.h"

#include <cstring>

#include "daemon/handshake/field_codec.h"

namespace ddskey {
namespace {

// Texts are the fields that are octet strings, in the order in which they are written.
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

}  // namespace

std::string EncodeState(const HandshakeState& state) {
  FieldWriter writer;
  writer.Put(GuidOctets(state.local_guid));
  writer.Put(GuidOctets(state.remote_guid));
  writer.PutNumber(state.domain_id);
  for (const auto field : kTexts) writer.Put(state.*field);
  for (const auto field : kOwn) {
    // An empty property is not an absent one: a c.* counts in hash_c2.
    writer.PutNumber((state.own.*field).has_value() ? 1 : 0);
    writer.Put((state.own.*field).value_or(""));
  }
  writer.Put(state.key_agreement);
  return writer.Take();
}

std::optional<HandshakeState> DecodeState(std::string_view body) {
  FieldReader reader(body);
  HandshakeState state;
  const auto local = ParseGuid(reader.Get());
  const auto remote = ParseGuid(reader.Get());
  const uint64_t domain_id = reader.GetNumber();
  state.domain_id = static_cast<uint32_t>(domain_id);
  for (const auto field : kTexts) state.*field = reader.Get();
  bool good = domain_id == state.domain_id;
  for (const auto field : kOwn) {
    const uint64_t is_there = reader.GetNumber();
    const std::string_view value = reader.Get();
    good = good && (is_there == 1 || (is_there == 0 && value.empty()));
    if (is_there == 1) state.own.*field = value;
  }
  state.key_agreement = reader.Get();
  if (!good || !reader.Done() || !local.has_value() || !remote.has_value()) return std::nullopt;
  state.local_guid = *local;
  state.remote_guid = *remote;
  return state;
}

}  // namespace ddskey
