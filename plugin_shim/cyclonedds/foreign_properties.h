#ifndef PLUGIN_SHIM_CYCLONEDDS_FOREIGN_PROPERTIES_H_
#define PLUGIN_SHIM_CYCLONEDDS_FOREIGN_PROPERTIES_H_

#include <optional>
#include <string>
#include <string_view>

namespace ddskey::cyclonedds {

// PropertyVerdict is what becomes of a property that other authentication plugins honour and this one does not.
struct PropertyVerdict {
  enum class Kind {
    // It changes nothing; the participant is created.
    kNoEffect,
    // Whoever set it relies on something that would not be done; the participant is not created.
    kRefused,
  };

  Kind kind;
  // For the log: the property, what becomes of it, and why. Never its value.
  std::string sentence;
};

// JudgeProperty returns nothing for properties that this plugin reads, that ask for what it does anyway, or that are
// not about authentication. docs/properties.md lists them all.
std::optional<PropertyVerdict> JudgeProperty(std::string_view name, std::string_view value);

}  // namespace ddskey::cyclonedds

#endif  // PLUGIN_SHIM_CYCLONEDDS_FOREIGN_PROPERTIES_H_
