#include "test/support/plugin_token.h"

#include <cstring>

#include "dds/ddsrt/heap.h"
#include "dds/ddsrt/string.h"

namespace ddskey::test {
namespace {

void Assign(DDS_Security_OctetSeq& sequence, const std::string& value) {
  ddsrt_free(sequence._buffer);
  sequence._length = sequence._maximum = static_cast<uint32_t>(value.size());
  sequence._buffer = static_cast<DDS_Security_octet*>(ddsrt_malloc(value.size() + 1));
  memcpy(sequence._buffer, value.data(), value.size());
}

}  // namespace

Token& Token::operator=(const Token& other) {
  if (this == &other) return *this;
  Clear();
  DDS_Security_DataHolder_copy(&holder_, &other.holder_);
  return *this;
}

void Token::Clear() {
  DDS_Security_DataHolder_deinit(&holder_);
  holder_ = {};
}

Token Token::Transmitted() const {
  Token received;
  received.SetClass(class_id());
  for (uint32_t i = 0; i < holder_.properties._length; ++i) {
    const DDS_Security_Property_t& property = holder_.properties._buffer[i];
    if (property.propagate) received.AddProperty(property.name, property.value);
  }
  for (uint32_t i = 0; i < holder_.binary_properties._length; ++i) {
    const DDS_Security_BinaryProperty_t& property = holder_.binary_properties._buffer[i];
    if (!property.propagate) continue;
    received.SetBinary(property.name, {reinterpret_cast<char*>(property.value._buffer), property.value._length});
  }
  return received;
}

std::optional<std::string> Token::Property(const std::string& name) const {
  const DDS_Security_Property_t* const found = DDS_Security_DataHolder_find_property(&holder_, name.c_str());
  if (found == nullptr) return std::nullopt;
  return found->value;
}

std::optional<std::string> Token::Binary(const std::string& name) const {
  const auto* const found = DDS_Security_DataHolder_find_binary_property(&holder_, name.c_str());
  if (found == nullptr) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(found->value._buffer), found->value._length);
}

void Token::SetBinary(const std::string& name, const std::string& value) {
  DDS_Security_BinaryPropertySeq& old = holder_.binary_properties;
  for (uint32_t i = 0; i < old._length; ++i) {
    if (old._buffer[i].name == name) return Assign(old._buffer[i].value, value);
  }
  DDS_Security_BinaryPropertySeq grown{};
  grown._length = grown._maximum = old._length + 1;
  grown._buffer = DDS_Security_BinaryPropertySeq_allocbuf(grown._length);
  for (uint32_t i = 0; i < old._length; ++i) grown._buffer[i] = old._buffer[i];
  DDS_Security_BinaryProperty_t& added = grown._buffer[old._length];
  added = {};
  added.name = ddsrt_strdup(name.c_str());
  added.propagate = true;
  Assign(added.value, value);
  ddsrt_free(old._buffer);
  old = grown;
}

void Token::SetClass(const std::string& class_id) {
  ddsrt_free(holder_.class_id);
  holder_.class_id = ddsrt_strdup(class_id.c_str());
}

void Token::AddProperty(const std::string& name, const std::string& value) {
  DDS_Security_PropertySeq& old = holder_.properties;
  DDS_Security_PropertySeq grown{};
  grown._length = grown._maximum = old._length + 1;
  grown._buffer = DDS_Security_PropertySeq_allocbuf(grown._length);
  for (uint32_t i = 0; i < old._length; ++i) grown._buffer[i] = old._buffer[i];
  grown._buffer[old._length] = {ddsrt_strdup(name.c_str()), ddsrt_strdup(value.c_str()), true};
  ddsrt_free(old._buffer);
  old = grown;
}

}  // namespace ddskey::test
