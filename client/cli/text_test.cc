#include "client/cli/text.h"

#include <gtest/gtest.h>

namespace ddskey::cli {
namespace {

TEST(ShellWordTest, S16IsOneWordWhateverAUserCalledHisFolder) {
  EXPECT_EQ(ShellWord("/home/robot/a-b_c.d"), "/home/robot/a-b_c.d");
  EXPECT_EQ(ShellWord(""), "''");
  EXPECT_EQ(ShellWord("/home/robot/a; $(reboot)"), "'/home/robot/a; $(reboot)'");
  EXPECT_EQ(ShellWord("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellWord("a\nb\x1b"), "'a\\x0ab\\x1b'");
}

TEST(EscapeTest, LeavesReadableTextAlone) {
  EXPECT_EQ(Escape("CN=talker,O=R\xc3\xb6"
                   "bots \xe2\x82\xac \xf0\x9f\xa4\x96"),
            "CN=talker,O=R\xc3\xb6"
            "bots \xe2\x82\xac \xf0\x9f\xa4\x96");
}

TEST(EscapeTest, S16NoControlCharacterReachesTheTerminal) {
  EXPECT_EQ(Escape("a\x1b[2Jb\r\n\t\x7f"), "a\\x1b[2Jb\\x0d\\x0a\\x09\\x7f");
  EXPECT_EQ(Escape(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(Escape("\xc2\x9b"), "\\xc2\\x9b");           // CSI as one character
  EXPECT_EQ(Escape("\xe2\x80\xae"), "\\xe2\\x80\\xae");  // right-to-left override
  EXPECT_EQ(Escape("\xe2\x80\x8b"), "\\xe2\\x80\\x8b");  // zero width space
}

TEST(EscapeTest, EscapesWhatIsNotUtf8) {
  EXPECT_EQ(Escape("\xff\x80"), "\\xff\\x80");
  EXPECT_EQ(Escape("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(Escape("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");  // overlong
  EXPECT_EQ(Escape("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_EQ(Escape("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(Escape("\xe2\x82"), "\\xe2\\x82");  // cut short
}

TEST(EscapeTest, CannotBeMistakenForWhatItEscapes) { EXPECT_EQ(Escape("\\x1b"), "\\\\x1b"); }

TEST(IsPrintableUtf8Test, AgreesWithEscape) {
  EXPECT_TRUE(IsPrintableUtf8("a\\b \xc3\xb6"));
  EXPECT_FALSE(IsPrintableUtf8("a\n"));
  EXPECT_FALSE(IsPrintableUtf8("\xff"));
}

TEST(FormatTimeTest, IsUtc) { EXPECT_EQ(FormatTime(1'800'000'000), "2027-01-15 08:00:00 UTC"); }

TEST(FormatEndTest, SaysHowFarAway) {
  constexpr int64_t kNow = 1'800'000'000, kDay = 86'400;
  const auto end = [](int64_t seconds) { return FormatEnd(kNow + seconds, absl::FromUnixSeconds(kNow)).substr(24); };
  EXPECT_EQ(end(30 * kDay), "(30 days left)");
  EXPECT_EQ(end(kDay + 1), "(1 day left)");
  EXPECT_EQ(end(2 * 3600), "(2 hours left)");
  EXPECT_EQ(end(3600), "(1 hour left)");
  EXPECT_EQ(end(59), "(less than an hour left)");
  EXPECT_EQ(end(-2 * kDay), "(expired 2 days ago)");
  EXPECT_EQ(end(-59), "(expired less than an hour ago)");
}

TEST(FormatTableTest, LinesUpColumnsAndEscapes) {
  EXPECT_EQ(FormatTable({{"A", "B"}, {"longer", "x"}, {"\xc3\xb6", "\x1b"}}),
            "A       B\n"
            "longer  x\n"
            "\xc3\xb6       \\x1b\n");
  EXPECT_EQ(FormatTable({}), "");
}

}  // namespace
}  // namespace ddskey::cli
