#ifndef TEST_SUPPORT_DOCUMENT_H_
#define TEST_SUPPORT_DOCUMENT_H_

#include <string>

namespace ddskey::test {

// ShellLines returns the lines of the shell blocks of the Markdown page `path` above which stands
// "<!-- run by TARGET -->": those that the test `target` has to run, in their order. Empty without such blocks.
std::string ShellLines(const std::string& path, const std::string& target);

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_DOCUMENT_H_
