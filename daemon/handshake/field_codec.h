#ifndef DAEMON_HANDSHAKE_FIELD_CODEC_H_
#define DAEMON_HANDSHAKE_FIELD_CODEC_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace ddskey {

// FieldWriter strings fields together, each behind its length; for the bodies of tickets and for what they are bound
// to.
class FieldWriter {
 public:
  void Put(std::string_view field) {
    const auto size = static_cast<uint32_t>(field.size());
    out_.append(reinterpret_cast<const char*>(&size), sizeof size);
    out_.append(field);
  }
  void PutNumber(uint64_t number) { Put({reinterpret_cast<const char*>(&number), sizeof number}); }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

// FieldReader takes such a string apart again. After a malformed field everything reads as empty and Done is false.
class FieldReader {
 public:
  explicit FieldReader(std::string_view in) : rest_(in) {}

  std::string_view Get() {
    uint32_t size = 0;
    if (bad_ || rest_.size() < sizeof size) return Bad();
    std::memcpy(&size, rest_.data(), sizeof size);
    rest_.remove_prefix(sizeof size);
    if (rest_.size() < size) return Bad();
    const std::string_view field = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return field;
  }
  uint64_t GetNumber() {
    uint64_t number = 0;
    const std::string_view field = Get();
    if (field.size() != sizeof number) {
      Bad();
      return 0;
    }
    std::memcpy(&number, field.data(), sizeof number);
    return number;
  }
  // Done is true when everything was read and nothing was malformed.
  bool Done() const { return !bad_ && rest_.empty(); }

 private:
  std::string_view Bad() {
    bad_ = true;
    return {};
  }

  std::string_view rest_;
  bool bad_ = false;
};

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_FIELD_CODEC_H_
