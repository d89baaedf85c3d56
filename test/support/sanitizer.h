#ifndef TEST_SUPPORT_SANITIZER_H_
#define TEST_SUPPORT_SANITIZER_H_

#include <map>
#include <string>

namespace ddskey::test {

// SanitizerEnvironment is what a program that was not built with sanitizers needs to load a library of ours that was,
// as this test was; empty in a usual build. Leaks are not looked for: the program's own would be found.
std::map<std::string, std::string> SanitizerEnvironment();

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_SANITIZER_H_
