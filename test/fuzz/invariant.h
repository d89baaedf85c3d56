#ifndef TEST_FUZZ_INVARIANT_H_
#define TEST_FUZZ_INVARIANT_H_

#include <cstdio>
#include <cstdlib>

namespace ddskey::fuzz {

// before_find, if set, is called before the program ends because of a find: to leave nothing behind.
inline void (*before_find)() = nullptr;

// Require ends the program, which is how a fuzz target reports a find, unless `holds`. `what` is the invariant.
inline void Require(bool holds, const char* what) {
  if (holds) return;
  if (before_find != nullptr) before_find();
  std::fprintf(stderr, "broken invariant: %s\n", what);
  std::abort();
}

// planted_bug makes a target put a bug, described at its `kPlanted`, between itself and the code that it tests: so it
// is known that the target finds bugs. The code under test is never altered.
inline bool planted_bug = std::getenv("DDSKEY_PLANTED_BUG") != nullptr;

}  // namespace ddskey::fuzz

#endif  // TEST_FUZZ_INVARIANT_H_
