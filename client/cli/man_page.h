#ifndef CLIENT_CLI_MAN_PAGE_H_
#define CLIENT_CLI_MAN_PAGE_H_

#include <string>
#include <string_view>

namespace ddskey::cli {

// Roff is `text` as it is to appear in a man page: escaped, with what is between grave accents in bold.
std::string Roff(std::string_view text);

// ManPage is ddskeyctl(1) for man(7). It is the same for the same sources.
std::string ManPage();

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_MAN_PAGE_H_
