#include "test/support/document.h"

#include "test/support/temp_dir.h"

namespace ddskey::test {

std::string ShellLines(const std::string& path, const std::string& target) {
  const std::string page = ReadFile(path);
  const std::string begin = "<!-- run by " + target + " -->\n```sh\n";
  std::string lines;
  for (size_t at = page.find(begin); at != std::string::npos; at = page.find(begin, at)) {
    at += begin.size();
    lines += page.substr(at, page.find("```", at) - at);
  }
  return lines;
}

}  // namespace ddskey::test
