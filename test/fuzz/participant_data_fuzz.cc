// The participant data of a peer (daemon/handshake/participant_data.h).
// An input is `c.pdata`, a parameter list, with escapes.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/handshake/participant_data.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

// Reference reads the list in another way: by index, all parameters first.
std::optional<ParticipantData> Reference(const std::string& octets) {
  size_t at = 0;
  bool little = false;
  if (octets.size() >= 4 && octets[0] == 0 && (octets[1] == 2 || octets[1] == 3) && octets[2] == 0 && octets[3] == 0) {
    little = octets[1] == 3;
    at = 4;
  }
  const auto number = [&](size_t from) {
    const auto high = static_cast<uint8_t>(octets[little ? from + 1 : from]);
    const auto low = static_cast<uint8_t>(octets[little ? from : from + 1]);
    return static_cast<unsigned>(high) * 256 + low;
  };
  std::string guids;
  std::string domains;
  size_t lists = 0;
  for (;; ++lists) {
    if (at + 4 > octets.size()) return std::nullopt;
    const unsigned id = number(at);
    const unsigned length = number(at + 2);
    if (id == 1) break;
    if (at + 4 + length > octets.size()) return std::nullopt;
    const unsigned known = id & 0xbfffU;
    if (known == 0x50 && length != 16) return std::nullopt;
    if (known == 0x0f && length != 4) return std::nullopt;
    if (known == 0x50) guids += octets.substr(at + 4, 16);
    if (known == 0x0f) domains += octets.substr(at + 4, 4);
    at += 4 + length;
  }
  if (guids.size() != 16 || domains.size() > 4) return std::nullopt;
  ParticipantData data;
  data.guid = *ParseGuid(guids);
  if (!domains.empty()) {
    if (little) std::reverse(domains.begin(), domains.end());
    uint32_t domain = 0;
    for (const char octet : domains) domain = domain << 8 | static_cast<uint8_t>(octet);
    data.domain_id = domain;
  }
  return data;
}

absl::StatusOr<ParticipantData> Parse(const std::string& octets) {
  auto data = ParseParticipantData(octets);
  // The planted bug: a domain that no participant can be in counts as none.
  if (planted_bug && data.ok() && data->domain_id > 232U) data->domain_id.reset();
  return data;
}

void CheckGuids(const std::string& subject, const Guid& candidate) {
  const Guid adjusted = AdjustedGuid(subject, candidate);
  Require(CheckSubjectHash(adjusted, subject).ok(), "an adjusted GUID fits its subject");
  Require(!CheckSubjectHash(adjusted, subject + "x").ok(), "an adjusted GUID fits no other subject");
  Require((adjusted[0] & 0x80) != 0, "the first bit of an adjusted GUID is set");
  Require(std::equal(adjusted.begin() + 12, adjusted.end(), candidate.begin() + 12), "the entity id stays");
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  const std::string octets = Unescape(AsText(data, size));
  const auto parsed = Parse(octets);
  const std::optional<ParticipantData> expected = Reference(octets);
  Require(parsed.ok() == expected.has_value(), "exactly well-formed lists with one GUID are accepted");
  if (!parsed.ok()) {
    Require(parsed.status().code() == absl::StatusCode::kInvalidArgument, "bad data is an invalid argument");
    return 0;
  }
  Require(parsed->guid == expected->guid, "the GUID is that of the list");
  Require(parsed->domain_id == expected->domain_id, "the domain is that of the list");
  CheckGuids(octets, parsed->guid);
  return 0;
}
