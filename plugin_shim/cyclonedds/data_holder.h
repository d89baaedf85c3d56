#ifndef PLUGIN_SHIM_CYCLONEDDS_DATA_HOLDER_H_
#define PLUGIN_SHIM_CYCLONEDDS_DATA_HOLDER_H_

#include <string_view>

#include "ddskey/v1/authentication.pb.h"
#include "plugin_shim/cyclonedds/dds_security.h"

namespace ddskey::cyclonedds {

// FromDds copies a token of Cyclone DDS, octet for octet. Null names, values and buffers are empty ones.
v1::DataHolder FromDds(const DDS_Security_DataHolder& token);

// ToDds fills `*token`, which is overwritten, from memory of ddsrt. `propagate` is true for what goes to peers.
void ToDds(const v1::DataHolder& holder, bool propagate, DDS_Security_DataHolder* token);

// ToDdsString copies `text` into memory of ddsrt, up to its first NUL if it has any.
char* ToDdsString(std::string_view text);

}  // namespace ddskey::cyclonedds

#endif  // PLUGIN_SHIM_CYCLONEDDS_DATA_HOLDER_H_
