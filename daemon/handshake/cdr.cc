#include "daemon/handshake/cdr.h"

#include <cstdint>

namespace ddskey {
namespace {

void AppendLength(std::string& out, size_t length) {
  // CDR aligns every unsigned long to four octets from the start of the stream.
  out.append((4 - out.size() % 4) % 4, '\0');
  const auto value = static_cast<uint32_t>(length);
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(value >> shift & 0xff));
}

}  // namespace

std::string EncodeBinaryPropertySeq(const std::vector<std::pair<std::string_view, std::string_view>>& properties) {
  std::string out;
  size_t size = 4;
  for (const auto& [name, value] : properties) size += name.size() + value.size() + 16;
  out.reserve(size);
  AppendLength(out, properties.size());
  for (const auto& [name, value] : properties) {
    AppendLength(out, name.size() + 1);
    out.append(name);
    out.push_back('\0');
    AppendLength(out, value.size());
    out.append(value);
  }
  return out;
}

}  // namespace ddskey
