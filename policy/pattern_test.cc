#include "policy/pattern.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

namespace ddskey {
namespace {

TEST(PatternTest, AStarStandsForAnyRunOfCharacters) {
  for (const char* text : {"", "a", "lidar", "lidar/front"}) EXPECT_TRUE(MatchesPattern("*", text)) << text;
  for (const char* text : {"lidar", "lidarx", "lidar.front", "lidar*"}) EXPECT_TRUE(MatchesPattern("lidar*", text));
  for (const char* text : {"", "lida", "xlidar", "LIDAR"}) EXPECT_FALSE(MatchesPattern("lidar*", text)) << text;
  EXPECT_TRUE(MatchesPattern("a*b*c", "a--b--b--c"));
  EXPECT_FALSE(MatchesPattern("a*b*c", "a--c--b"));
  EXPECT_TRUE(MatchesPattern("**", ""));
}

TEST(PatternTest, EverythingElseStandsForItself) {
  EXPECT_TRUE(MatchesPattern("", ""));
  EXPECT_FALSE(MatchesPattern("", "a"));
  EXPECT_TRUE(MatchesPattern("a.b", "a.b"));
  EXPECT_FALSE(MatchesPattern("a.b", "axb"));
  EXPECT_FALSE(MatchesPattern("a?", "ab"));
  EXPECT_FALSE(MatchesPattern("[ab]", "a"));
}

TEST(PatternTest, TellsEscapedSeparatorsFromSeparators) {
  EXPECT_TRUE(MatchesPattern("*,O=Lab", "CN=talker,O=Lab"));
  // One attribute, whose value contains a comma.
  EXPECT_FALSE(MatchesPattern("*,O=Lab", "CN=talker\\,O=Lab"));
  EXPECT_TRUE(MatchesPattern("CN=talker\\,O=Lab", "CN=talker\\,O=Lab"));
  // A value that ends with an escaped backslash, then a separator.
  EXPECT_TRUE(MatchesPattern("*,O=Lab", "CN=talker\\\\,O=Lab"));
  EXPECT_FALSE(MatchesPattern("CN=a\\", "CN=a\\,"));
  EXPECT_TRUE(MatchesPattern("CN=a\\", "CN=a\\"));
}

// Fits is the definition, tried in every way.
bool Fits(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') return Fits(pattern.substr(1), text) || (!text.empty() && Fits(pattern, text.substr(1)));
  return !text.empty() && pattern[0] == text[0] && Fits(pattern.substr(1), text.substr(1));
}

TEST(PatternTest, AgreesWithItsDefinitionOnRandomTexts) {
  std::mt19937 random(7);
  const auto text = [&random](const std::string& alphabet) {
    std::string made;
    for (size_t n = random() % 9; n > 0; --n) made += alphabet[random() % alphabet.size()];
    return made;
  };
  int matches = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string pattern = text("ab**");
    const std::string subject = text("ab");
    const bool expected = Fits(pattern, subject);
    ASSERT_EQ(MatchesPattern(pattern, subject), expected) << pattern << " " << subject;
    matches += expected ? 1 : 0;
  }
  EXPECT_GT(matches, 1000);
}

TEST(PatternTest, APatternCoversThoseThatMatchLess) {
  EXPECT_TRUE(CoversPattern("*", "lidar*"));
  EXPECT_TRUE(CoversPattern("lidar*", "lidar.*"));
  EXPECT_TRUE(CoversPattern("lidar*", "lidar"));
  EXPECT_FALSE(CoversPattern("lidar", "lidar*"));
  EXPECT_FALSE(CoversPattern("lidar.*", "*"));
  EXPECT_FALSE(CoversPattern("a*", "*a"));
}

}  // namespace
}  // namespace ddskey
