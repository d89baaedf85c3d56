#ifndef TEST_SUPPORT_PLUGIN_TOKEN_H_
#define TEST_SUPPORT_PLUGIN_TOKEN_H_

#include <optional>
#include <string>

#include "plugin_shim/cyclonedds/dds_security.h"

namespace ddskey::test {

// Token owns a DDS_Security_DataHolder, allocated as Cyclone DDS does it.
class Token {
 public:
  Token() = default;
  Token(const Token& other) { DDS_Security_DataHolder_copy(&holder_, &other.holder_); }
  Token& operator=(const Token& other);
  ~Token() { DDS_Security_DataHolder_deinit(&holder_); }

  DDS_Security_DataHolder* get() { return &holder_; }
  const DDS_Security_DataHolder* get() const { return &holder_; }

  // Clear frees its content.
  void Clear();

  std::string class_id() const { return holder_.class_id == nullptr ? "" : holder_.class_id; }

  // Transmitted is what a peer receives: properties that are not to be propagated stay behind.
  Token Transmitted() const;

  // Property and Binary return the value of a property, or nothing.
  std::optional<std::string> Property(const std::string& name) const;
  std::optional<std::string> Binary(const std::string& name) const;

  // SetBinary replaces the value of binary property `name`, or adds it at the end.
  void SetBinary(const std::string& name, const std::string& value);
  void SetClass(const std::string& class_id);
  void AddProperty(const std::string& name, const std::string& value);

 private:
  DDS_Security_DataHolder holder_ = {};
};

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_PLUGIN_TOKEN_H_
