#include "daemon/backend/tpm2/tried_values.h"

#include <cstddef>

namespace ddskey::tpm {
namespace {

// More than a host has keys.
constexpr size_t kMost = 1024;

}  // namespace

void TriedValues::Add(Values& values, std::string_view value) {
  if (values.contains(value)) return;
  if (values.size() >= kMost) values.erase(values.begin());
  values.emplace(value);
}

}  // namespace ddskey::tpm
