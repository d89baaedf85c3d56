#ifndef PLUGIN_SHIM_CORE_DOCUMENT_H_
#define PLUGIN_SHIM_CORE_DOCUMENT_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ddskey {

// ReadDocument reads what a property of DDS Security names: `file:PATH` (also with the empty authority of RFC 8089,
// `file:///PATH`) or `data:,TEXT`. The file is opened with the rights of this process (S-13); it must be a regular
// file, and neither form may exceed `limit` octets. Nothing, and why in `*error`, if that fails; the error names the
// document, never its content.
std::optional<std::string> ReadDocument(std::string_view uri, size_t limit, std::string* error);

// ReadFolder reads all regular files directly in `folder` (with or without `file:` in front), in the order of their
// names, at most `limit` octets and 100 files altogether.
std::optional<std::vector<std::string>> ReadFolder(std::string_view folder, size_t limit, std::string* error);

}  // namespace ddskey

#endif  // PLUGIN_SHIM_CORE_DOCUMENT_H_
