#include "plugin_shim/cyclonedds/data_holder.h"

#include <cstring>
#include <string>

#include "dds/ddsrt/heap.h"
#include "plugin_shim/cyclonedds/dds_security.h"

namespace ddskey::cyclonedds {
namespace {

std::string_view OrEmpty(const char* text) { return text == nullptr ? std::string_view() : std::string_view(text); }

}  // namespace

char* ToDdsString(std::string_view text) {
  text = text.substr(0, text.find('\0'));
  auto* const copy = static_cast<char*>(ddsrt_malloc(text.size() + 1));
  copy[text.copy(copy, text.size())] = '\0';
  return copy;
}

v1::DataHolder FromDds(const DDS_Security_DataHolder& token) {
  v1::DataHolder holder;
  holder.set_class_id(std::string(OrEmpty(token.class_id)));
  for (uint32_t i = 0; token.properties._buffer != nullptr && i < token.properties._length; ++i) {
    const DDS_Security_Property_t& from = token.properties._buffer[i];
    v1::Property& to = *holder.add_properties();
    to.set_name(std::string(OrEmpty(from.name)));
    to.set_value(std::string(OrEmpty(from.value)));
  }
  for (uint32_t i = 0; token.binary_properties._buffer != nullptr && i < token.binary_properties._length; ++i) {
    const DDS_Security_BinaryProperty_t& from = token.binary_properties._buffer[i];
    v1::BinaryProperty& to = *holder.add_binary_properties();
    to.set_name(std::string(OrEmpty(from.name)));
    if (from.value._buffer != nullptr) to.set_value(from.value._buffer, from.value._length);
  }
  return holder;
}

void ToDds(const v1::DataHolder& holder, bool propagate, DDS_Security_DataHolder* token) {
  *token = {};
  token->class_id = ToDdsString(holder.class_id());
  if (const int count = holder.properties_size(); count > 0) {
    token->properties._buffer = DDS_Security_PropertySeq_allocbuf(static_cast<uint32_t>(count));
    token->properties._length = token->properties._maximum = static_cast<uint32_t>(count);
    for (int i = 0; i < count; ++i) {
      DDS_Security_Property_t& to = token->properties._buffer[i];
      to.name = ToDdsString(holder.properties(i).name());
      to.value = ToDdsString(holder.properties(i).value());
      to.propagate = propagate;
    }
  }
  if (const int count = holder.binary_properties_size(); count > 0) {
    token->binary_properties._buffer = DDS_Security_BinaryPropertySeq_allocbuf(static_cast<uint32_t>(count));
    token->binary_properties._length = token->binary_properties._maximum = static_cast<uint32_t>(count);
    for (int i = 0; i < count; ++i) {
      const std::string& value = holder.binary_properties(i).value();
      DDS_Security_BinaryProperty_t& to = token->binary_properties._buffer[i];
      to.name = ToDdsString(holder.binary_properties(i).name());
      to.propagate = propagate;
      to.value = {};
      if (value.empty()) continue;
      to.value._buffer = static_cast<DDS_Security_octet*>(ddsrt_malloc(value.size()));
      to.value._length = to.value._maximum = static_cast<uint32_t>(value.size());
      memcpy(to.value._buffer, value.data(), value.size());
    }
  }
}

}  // namespace ddskey::cyclonedds
