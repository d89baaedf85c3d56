// Prints what is made of the table of commands: reference bash|zsh|man.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "client/cli/completion.h"
#include "client/cli/man_page.h"

int main(int argc, char** argv) {
  const std::string_view what = argc == 2 ? argv[1] : "";
  std::string text;
  if (what == "bash") text = ddskey::cli::BashCompletion();
  if (what == "zsh") text = ddskey::cli::ZshCompletion();
  if (what == "man") text = ddskey::cli::ManPage();
  if (text.empty()) {
    std::fputs("usage: reference bash|zsh|man\n", stderr);
    return 2;
  }
  return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
