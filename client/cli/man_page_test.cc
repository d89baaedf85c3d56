#include "client/cli/man_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/command.h"

namespace ddskey::cli {
namespace {

using ::testing::HasSubstr;

TEST(ManPageTest, EscapesWhatRoffWouldRead) {
  EXPECT_EQ(Roff(".TH is a request"), "\\&.TH is a request");
  EXPECT_EQ(Roff("'tis, too"), "\\&'tis, too");
  EXPECT_EQ(Roff("C:\\keys --out"), "C:\\ekeys \\-\\-out");
  EXPECT_EQ(Roff("as `key list` does"), "as \\fBkey list\\fR does");
}

TEST(ManPageTest, HasEveryCommandWithEveryOption) {
  const std::string page = ManPage();
  for (const Command* command : Commands()) {
    const std::string heading = ".SS \"ddskeyctl " + Roff(command->name) + "\"\n";
    const size_t begin = page.find(heading);
    ASSERT_NE(begin, std::string::npos) << command->name;
    const std::string section = page.substr(begin, page.find("\n.S", begin + 1) - begin);
    for (const Option& option : command->options) {
      EXPECT_THAT(section, HasSubstr("\\-\\-" + Roff(option.name))) << command->name;
    }
    EXPECT_THAT(section, HasSubstr(Roff(command->more))) << command->name;
  }
}

TEST(ManPageTest, HasTheSectionsThatAReaderLooksFor) {
  const std::string page = ManPage();
  for (const char* section : {"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "\"EXIT STATUS\"",
                              "ENVIRONMENT", "FILES", "\"SEE ALSO\""}) {
    EXPECT_THAT(page, HasSubstr(std::string("\n.SH ") + section + "\n"));
  }
  EXPECT_THAT(page, HasSubstr(".TP\n.B 3\nthe daemon"));
}

TEST(ManPageTest, IsTheSameEachTime) { EXPECT_EQ(ManPage(), ManPage()); }

}  // namespace
}  // namespace ddskey::cli
