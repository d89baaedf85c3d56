#ifndef PLUGIN_SHIM_CORE_KEY_REFERENCE_H_
#define PLUGIN_SHIM_CORE_KEY_REFERENCE_H_

#include <optional>
#include <string>
#include <string_view>

#include "proto/contract/key_name.h"

namespace ddskey {

// ResolveKeyReference finds the key that the property `dds.sec.auth.private_key` names: `ddskey:NAME`, or a `file:` or
// `data:,` document that is such a reference and nothing else (S-13), so that the `key.pem` of a ROS 2 enclave can be
// one. Nothing, and a sentence with the next step in `*error`, for everything else; in particular for documents with a
// private key in them, whose content is erased at once and appears nowhere.
std::optional<KeyName> ResolveKeyReference(std::string_view property, std::string* error);

}  // namespace ddskey

#endif  // PLUGIN_SHIM_CORE_KEY_REFERENCE_H_
