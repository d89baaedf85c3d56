#ifndef PROTO_CONTRACT_KEY_NAME_H_
#define PROTO_CONTRACT_KEY_NAME_H_

#include <optional>
#include <string>
#include <string_view>

namespace ddskey {

// KeyName is the name of an identity in the keystore: `[A-Za-z0-9][A-Za-z0-9._-]{0,62}`. It brings no library with it,
// so that a shim can use it inside a stranger's process.
class KeyName {
 public:
  // Parse returns nothing for text that is not a key name.
  static std::optional<KeyName> Parse(std::string_view text);

  // ParseReference reads a key reference: `ddskey:NAME` with white space around it and nothing else (S-13). A document
  // that merely contains such a reference is not one.
  static std::optional<KeyName> ParseReference(std::string_view document);

  const std::string& text() const { return text_; }

  friend bool operator==(const KeyName&, const KeyName&) = default;
  friend auto operator<=>(const KeyName&, const KeyName&) = default;

 private:
  explicit KeyName(std::string_view text) : text_(text) {}

  std::string text_;
};

}  // namespace ddskey

#endif  // PROTO_CONTRACT_KEY_NAME_H_
