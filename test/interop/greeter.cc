#include "test/interop/greeter.h"

#include <signal.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>

namespace ddskey::interop {
namespace {

// Stopped waits a tenth of a second for SIGTERM, which is blocked, and says whether it came.
bool Stopped() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  const timespec period = {0, 100'000'000};
  return sigtimedwait(&stop, nullptr, &period) == SIGTERM;
}

}  // namespace

int RunGreeter(int argc, char** argv, const std::function<std::unique_ptr<Greeter>(const std::string& name)>& make) {
  if (argc < 2 || argc > 3) {
    std::fputs("usage: greeter NAME [LIVES]\n", stderr);
    return 2;
  }
  // Before any thread is made, so that all inherit it.
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigprocmask(SIG_BLOCK, &stop, nullptr);
  setvbuf(stdout, nullptr, _IOLBF, 0);

  const int lives = argc == 3 ? std::atoi(argv[2]) : 1;
  unsigned heard = 0;
  unsigned greeted = 0;
  for (int life = 1; life <= lives; ++life) {
    const std::unique_ptr<Greeter> greeter = make(argv[1]);
    if (greeter == nullptr) return EXIT_FAILURE;
    std::printf("alive %d\n", life);
    const unsigned before = heard;
    while (argc == 2 || heard == before) {
      greeter->Greet(++greeted);
      greeter->Listen([&heard](const std::string& from) { std::printf("heard %u from %s\n", ++heard, from.c_str()); });
      if (Stopped()) return EXIT_SUCCESS;
    }
  }
  return EXIT_SUCCESS;
}

}  // namespace ddskey::interop
