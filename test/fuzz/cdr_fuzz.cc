// The CDR form of a BinaryPropertySeq (daemon/handshake/cdr.h): what handshakes hash and sign.
// An input is lines `name=value`.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/handshake/cdr.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

using Properties = std::vector<std::pair<std::string, std::string>>;

std::string Encode(const Properties& properties) {
  std::vector<std::pair<std::string_view, std::string_view>> views;
  for (const auto& [name, value] : properties) {
    // The planted bug: a name ends at its first NUL, as in C.
    views.emplace_back(planted_bug ? std::string_view(name.c_str()) : std::string_view(name), value);
  }
  return EncodeBinaryPropertySeq(views);
}

// Decoder reads the CDR form as its specification says (DDS Security 9.3.2.3, CDR of DDSI-RTPS 10).
class Decoder {
 public:
  explicit Decoder(std::string_view octets) : octets_(octets) {}

  std::optional<Properties> Decode() {
    Properties properties;
    for (uint32_t left = Long(); left > 0 && !bad_; --left) {
      std::string name(Octets(Long()));
      if (name.empty() || name.back() != '\0') return std::nullopt;
      name.pop_back();
      properties.emplace_back(std::move(name), Octets(Long()));
    }
    if (bad_ || at_ != octets_.size()) return std::nullopt;
    return properties;
  }

 private:
  uint32_t Long() {
    for (; at_ % 4 != 0; ++at_) bad_ = bad_ || at_ >= octets_.size() || octets_[at_] != '\0';
    const std::string_view four = Octets(4);
    if (four.size() != 4) return 0;
    uint32_t number = 0;
    for (const char octet : four) number = number << 8 | static_cast<uint8_t>(octet);
    return number;
  }

  std::string_view Octets(size_t size) {
    bad_ = bad_ || at_ > octets_.size() || octets_.size() - at_ < size;
    if (bad_) return {};
    at_ += size;
    return octets_.substr(at_ - size, size);
  }

  std::string_view octets_;
  size_t at_ = 0;
  bool bad_ = false;
};

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  Properties properties;
  for (const std::string_view line : Lines(AsText(data, size))) properties.push_back(Field(line));
  const std::string octets = Encode(properties);
  const std::optional<Properties> decoded = Decoder(octets).Decode();
  Require(decoded.has_value(), "what is encoded is CDR");
  Require(decoded == properties, "decoding gives what was encoded");
  if (properties.size() == 6) {
    // Rule 2 of the architecture: whatever else a handshake key signs begins with letters.
    Require(octets.starts_with(std::string_view("\0\0\0\6", 4)), "a sequence of six begins with its count");
  }
  return 0;
}
