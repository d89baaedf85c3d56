#include "daemon/handshake/participant_data.h"

#include <algorithm>
#include <string>

#include "daemon/handshake/check.h"
#include "daemon/handshake/digest.h"

namespace ddskey {
namespace {

constexpr uint16_t kPidPad = 0x0000;
constexpr uint16_t kPidSentinel = 0x0001;
constexpr uint16_t kPidDomainId = 0x000f;
constexpr uint16_t kPidParticipantGuid = 0x0050;
// RTPS lets a vendor mark a parameter it must understand with this bit; the id is in the others.
constexpr uint16_t kMustUnderstand = 0x4000;

constexpr size_t kHeaderSize = 4;
constexpr size_t kSubjectOctets = 6;

// ListReader walks a parameter list in its own byte order.
class ListReader {
 public:
  ListReader(std::string_view octets, bool little_endian) : rest_(octets), little_endian_(little_endian) {}

  // Next reads one parameter, or returns false when the list is truncated.
  bool Next(uint16_t& id, std::string_view& value) {
    if (rest_.size() < kHeaderSize) return false;
    id = Short(rest_.substr(0, 2));
    const size_t length = Short(rest_.substr(2, 2));
    if (id == kPidSentinel) {
      value = {};
      return true;
    }
    if (rest_.size() - kHeaderSize < length) return false;
    value = rest_.substr(kHeaderSize, length);
    rest_.remove_prefix(kHeaderSize + length);
    return true;
  }

  uint32_t Long(std::string_view four) const {
    const uint32_t first = Short(four.substr(0, 2));
    const uint32_t second = Short(four.substr(2, 2));
    return little_endian_ ? second << 16 | first : first << 16 | second;
  }

 private:
  uint16_t Short(std::string_view two) const {
    const auto first = static_cast<uint8_t>(two[0]);
    const auto second = static_cast<uint8_t>(two[1]);
    return static_cast<uint16_t>(little_endian_ ? second << 8 | first : first << 8 | second);
  }

  std::string_view rest_;
  bool little_endian_;
};

// ReaderOf reads an encapsulation header, if there is one: Cyclone DDS and Fast DDS send the bare list, big-endian. A
// bare list cannot begin like a header: PID 2 and 3 are not empty.
ListReader ReaderOf(std::string_view octets) {
  static constexpr std::string_view kBigEndian("\0\2\0\0", kHeaderSize);
  static constexpr std::string_view kLittleEndian("\0\3\0\0", kHeaderSize);
  const bool little_endian = octets.starts_with(kLittleEndian);
  if (little_endian || octets.starts_with(kBigEndian)) octets.remove_prefix(kHeaderSize);
  return {octets, little_endian};
}

std::string SubjectHash(std::string_view subject_der) {
  const std::string hash = Sha256(subject_der);
  std::string prefix(kSubjectOctets, '\0');
  uint8_t carry = 1;  // The first bit is set; the 47 that follow are the hash's.
  for (size_t i = 0; i < kSubjectOctets; ++i) {
    const auto octet = static_cast<uint8_t>(hash[i]);
    prefix[i] = static_cast<char>(carry << 7 | octet >> 1);
    carry = octet & 1;
  }
  return prefix;
}

}  // namespace

absl::StatusOr<ParticipantData> ParseParticipantData(std::string_view octets) {
  ListReader reader = ReaderOf(octets);
  ParticipantData data;
  bool has_guid = false;
  while (true) {
    uint16_t id = 0;
    std::string_view value;
    if (!reader.Next(id, value)) return Refuse("c.pdata", "the participant data is truncated");
    if (id == kPidSentinel) break;
    if (id == kPidPad) continue;
    switch (id & ~kMustUnderstand) {
      case kPidParticipantGuid: {
        const auto guid = ParseGuid(value);
        if (!guid.has_value() || has_guid) return Refuse("c.pdata", "the participant GUID is malformed or there twice");
        data.guid = *guid;
        has_guid = true;
        break;
      }
      case kPidDomainId:
        if (value.size() != 4 || data.domain_id.has_value()) {
          return Refuse("c.pdata", "the domain id is malformed or there twice");
        }
        data.domain_id = reader.Long(value);
        break;
      default:
        break;
    }
  }
  if (!has_guid) return Refuse("c.pdata", "the participant data has no GUID");
  return data;
}

Guid AdjustedGuid(std::string_view subject_der, const Guid& candidate) {
  Guid guid = candidate;
  const std::string subject = SubjectHash(subject_der);
  const std::string rest = Sha256(GuidOctets(candidate));
  std::copy_n(subject.begin(), kSubjectOctets, guid.begin());
  std::copy_n(rest.begin(), 6, guid.begin() + kSubjectOctets);
  return guid;
}

absl::Status CheckSubjectHash(const Guid& guid, std::string_view subject_der) {
  const std::string expected = SubjectHash(subject_der);
  const bool equal = std::equal(expected.begin(), expected.end(), guid.begin(),
                                [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
  if (!equal) return Refuse("guid_subject", "the participant's GUID does not belong to its certificate's subject");
  return absl::OkStatus();
}

}  // namespace ddskey
