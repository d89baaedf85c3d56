#include "daemon/custodian/participant.h"

#include "daemon/handshake/field_codec.h"

namespace ddskey {
namespace {

void PutList(FieldWriter& writer, const std::vector<std::string>& list) {
  writer.PutNumber(list.size());
  for (const std::string& entry : list) writer.Put(entry);
}

std::vector<std::string> GetList(FieldReader& reader) {
  std::vector<std::string> list;
  const uint64_t size = reader.GetNumber();
  for (uint64_t i = 0; i < size && i < 64; ++i) list.emplace_back(reader.Get());
  return list;
}

}  // namespace

std::string EncodeParticipant(const Participant& participant) {
  FieldWriter writer;
  writer.Put(participant.key_name);
  writer.Put(participant.identity_uuid);
  writer.Put(GuidOctets(participant.guid));
  writer.PutNumber(participant.domain_id);
  writer.Put(participant.subject_der);
  writer.PutNumber(participant.own_trust ? 1 : 0);
  PutList(writer, participant.anchors);
  PutList(writer, participant.revocation_lists);
  writer.PutNumber(static_cast<uint64_t>(participant.key_agreement));
  writer.Put(participant.generation_uuid);
  return writer.Take();
}

std::optional<Participant> DecodeParticipant(std::string_view body) {
  FieldReader reader(body);
  Participant participant;
  participant.key_name = reader.Get();
  participant.identity_uuid = reader.Get();
  const auto guid = ParseGuid(reader.Get());
  participant.domain_id = static_cast<uint32_t>(reader.GetNumber());
  participant.subject_der = reader.Get();
  participant.own_trust = reader.GetNumber() == 1;
  participant.anchors = GetList(reader);
  participant.revocation_lists = GetList(reader);
  participant.key_agreement = static_cast<KeyAgreementChoice>(reader.GetNumber());
  // A ticket may be older than this field.
  if (!reader.Done()) participant.generation_uuid = reader.Get();
  if (!reader.Done() || !guid.has_value()) return std::nullopt;
  participant.guid = *guid;
  return participant;
}

std::string CallerBinding(const Subject& caller) {
  FieldWriter writer;
  writer.PutNumber(caller.uid);
  writer.PutNumber(caller.gid);
  writer.PutNumber(static_cast<uint64_t>(caller.pid));
  writer.PutNumber(caller.start_time);
  return writer.Take();
}

std::string ParticipantBinding(const Participant& participant) {
  FieldWriter writer;
  writer.Put(participant.identity_uuid);
  writer.Put(GuidOctets(participant.guid));
  writer.PutNumber(participant.domain_id);
  return writer.Take();
}

}  // namespace ddskey
