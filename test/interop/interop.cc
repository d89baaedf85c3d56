// Lets applications of several DDS meet, each as initiator and as replier, and prints what came of it: the table of
// docs/interoperability.md. Exits with 1 if it is not the same.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "test/bench/private_network.h"
#include "test/interop/matrix.h"

int main(int argc, char** /*argv*/) {
  using namespace ddskey::interop;
  if (argc != 1) {
    std::fputs("usage: interop\n", stderr);
    return 2;
  }
  if (!ddskey::bench::EnterPrivateNetwork()) std::fputs("interop: not root: on the loopback of this host\n", stderr);
  bool as_documented = true;
  std::vector<std::string> outcomes;
  for (const Meeting& meeting : Meetings()) {
    double seconds = 0;
    outcomes.push_back(Hold(meeting, &seconds));
    as_documented = as_documented && outcomes.back() == meeting.outcome;
    std::fprintf(stderr, "%s to %s, %s: %s after %.1f s\n", NameOf(meeting.initiator).c_str(),
                 NameOf(meeting.replier).c_str(), NameOf(meeting.keys).c_str(), outcomes.back().c_str(), seconds);
  }
  std::printf("%s", Table(outcomes).c_str());
  return as_documented ? EXIT_SUCCESS : EXIT_FAILURE;
}
