#include "test/support/sanitizer.h"

#include <link.h>

#include <string_view>

namespace ddskey::test {
namespace {

int AddRuntime(dl_phdr_info* info, size_t /*size*/, void* list) {
  const std::string_view name = info->dlpi_name;
  if (name.find("/libasan.so") == std::string_view::npos && name.find("/libubsan.so") == std::string_view::npos)
    return 0;
  static_cast<std::string*>(list)->append(name).append(" ");
  return 0;
}

}  // namespace

std::map<std::string, std::string> SanitizerEnvironment() {
  std::string runtimes;
  dl_iterate_phdr(&AddRuntime, &runtimes);
  if (runtimes.empty()) return {};
  return {{"LD_PRELOAD", runtimes}, {"ASAN_OPTIONS", "detect_leaks=0:abort_on_error=1"}};
}

}  // namespace ddskey::test
