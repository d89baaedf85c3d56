#include "plugin_shim/core/key_reference.h"

#include <string.h>

#include "plugin_shim/core/document.h"

namespace ddskey {
namespace {

constexpr size_t kMaxDocument = 64 << 10;

// The content of a document that may hold a private key.
class Sensitive {
 public:
  explicit Sensitive(std::string text) : text_(std::move(text)) {}
  ~Sensitive() { explicit_bzero(text_.data(), text_.size()); }
  Sensitive(const Sensitive&) = delete;
  Sensitive& operator=(const Sensitive&) = delete;
  std::string_view text() const { return text_; }

 private:
  std::string text_;
};

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string WhatItIs(std::string_view document) {
  if (Contains(document, "-----BEGIN TSS2 PRIVATE KEY-----")) {
    return "it is a TPM key blob (TSS2 PRIVATE KEY), which this version does not use; make a key inside the TPM with "
           "`ddskeyctl key create NAME`, have it certified, and write `ddskey:NAME` there instead";
  }
  if (Contains(document, "PRIVATE KEY-----")) {
    return "it is a private key itself, and keys in files are not used by this plugin; make a key in custody with "
           "`ddskeyctl key create NAME`, have it certified with `ddskeyctl csr NAME` and `ddskeyctl cert install "
           "NAME`, "
           "write `ddskey:NAME` there instead, and destroy the file";
  }
  return "it is not a key reference; write `ddskey:NAME` there, with a name that `ddskeyctl key list` shows";
}

}  // namespace

std::optional<KeyName> ResolveKeyReference(std::string_view property, std::string* error) {
  if (std::optional<KeyName> name = KeyName::ParseReference(property)) return name;
  // A key after `file:` is somebody's mistake, and no path to put into a log.
  const bool is_document = property.starts_with("data:") || property.starts_with("file:");
  if (!is_document || (property.starts_with("file:") && Contains(property, "PRIVATE KEY-----"))) {
    *error = WhatItIs(property);
    return std::nullopt;
  }
  std::optional<std::string> read = ReadDocument(property, kMaxDocument, error);
  if (!read) return std::nullopt;
  const Sensitive document(*std::move(read));
  if (std::optional<KeyName> name = KeyName::ParseReference(document.text())) return name;
  *error = WhatItIs(document.text());
  return std::nullopt;
}

}  // namespace ddskey
