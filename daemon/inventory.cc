#include "daemon/inventory.h"

#include <unistd.h>

#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/keystore/key_store.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr char kNothing[] = "0 keys";

std::string Count(size_t number, const char* one, const char* many) {
  return absl::StrCat(number, " ", number == 1 ? one : many);
}

}  // namespace

absl::StatusOr<std::string> Inventory(const std::string& path) {
  // Opening it would make it.
  if (access(path.c_str(), F_OK) != 0) return kNothing;
  ASSIGN_OR_RETURN(const std::unique_ptr<KeyStore> store, KeyStore::Open(path));
  std::map<std::string, std::string> names;
  for (const StoredBackend& backend : store->Backends()) {
    names[backend.uuid] = absl::StrCat(backend.name, " (", backend.kind, ")");
  }
  std::map<std::string, size_t> keys;
  size_t all = 0;
  const auto identities = store->List();
  for (const auto& identity : identities) {
    for (const KeyGeneration& generation : identity->generations) {
      ++keys[names[generation.backend_uuid]];
      ++all;
    }
  }
  if (all == 0) return kNothing;
  const auto line = [](std::string* out, const auto& entry) {
    absl::StrAppend(out, entry.second, " in ", entry.first);
  };
  return absl::StrCat(Count(all, "key", "keys"), " of ", Count(identities.size(), "identity", "identities"), ": ",
                      absl::StrJoin(keys, ", ", line));
}

}  // namespace ddskey
