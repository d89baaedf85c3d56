#include "client/cli/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/status_matchers.h"

namespace ddskey::cli {
namespace {

using ::ddskey::test::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Words = std::vector<std::string>;

constexpr Option kOptions[] = {
    {.name = "purge", .value = "", .help = ""},
    {.name = "out", .value = "FILE", .help = ""},
    {.name = "ca", .value = "FILE", .help = "", .repeatable = true},
    {.name = "watch", .value = "SECONDS", .help = "", .optional_number = true},
    {.name = "help", .value = "", .help = ""},
};

absl::StatusOr<Arguments> Parse(const Words& words) { return Arguments::Parse(words, kOptions); }

TEST(ArgumentsTest, TakesOptionsAnywhereInBothForms) {
  ASSERT_OK_AND_ASSIGN(const Arguments arguments, Parse({"a", "--purge", "--out", "f", "b", "--ca=x=y", "--ca", "z"}));
  EXPECT_THAT(arguments.operands(), ElementsAre("a", "b"));
  EXPECT_TRUE(arguments.Has("purge"));
  EXPECT_EQ(arguments.Value("out"), "f");
  EXPECT_THAT(arguments.Values("ca"), ElementsAre("x=y", "z"));
  EXPECT_FALSE(arguments.Has("help"));
  EXPECT_EQ(arguments.Value("help"), std::nullopt);
  EXPECT_THAT(arguments.Values("help"), IsEmpty());
}

TEST(ArgumentsTest, TakesNoOptionsAfterTwoDashes) {
  ASSERT_OK_AND_ASSIGN(const Arguments arguments, Parse({"--", "--purge", "-x", "--"}));
  EXPECT_THAT(arguments.operands(), ElementsAre("--purge", "-x", "--"));
  EXPECT_FALSE(arguments.Has("purge"));
}

TEST(ArgumentsTest, ADashAloneIsAnOperandAndHIsHelp) {
  ASSERT_OK_AND_ASSIGN(const Arguments arguments, Parse({"-", "-h"}));
  EXPECT_THAT(arguments.operands(), ElementsAre("-"));
  EXPECT_TRUE(arguments.Has("help"));
}

TEST(ArgumentsTest, RefusesWhatItDoesNotKnowAndNamesTheNearest) {
  const auto unknown = Parse({"--purgee"});
  EXPECT_THAT(unknown, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("did you mean --purge?")));
  EXPECT_TRUE(IsUsageError(unknown.status()));
  EXPECT_THAT(Parse({"--zzzzzz"}),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::Not(HasSubstr("did you mean"))));
}

TEST(ArgumentsTest, NeverGuessesAnAbbreviation) {
  EXPECT_FALSE(Parse({"--pur"}).ok());
  EXPECT_FALSE(Parse({"--p"}).ok());
  EXPECT_FALSE(Parse({"-p"}).ok());
  EXPECT_FALSE(Parse({"-purge"}).ok());
  EXPECT_FALSE(Parse({"--Purge"}).ok());
}

TEST(ArgumentsTest, RefusesMissingSuperfluousAndRepeatedValues) {
  EXPECT_THAT(Parse({"--out"}), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--out FILE")));
  EXPECT_FALSE(Parse({"--purge=yes"}).ok());
  EXPECT_FALSE(Parse({"--purge="}).ok());
  EXPECT_FALSE(Parse({"--purge", "--purge"}).ok());
  EXPECT_FALSE(Parse({"--out", "a", "--out=b"}).ok());
}

TEST(ArgumentsTest, ANumberThatMayBeLeftOutIsTheNextWordIfThatBeginsWithADigit) {
  for (const auto& [words, value] : {std::pair(Words{"--watch"}, ""), std::pair(Words{"--watch", "--purge"}, ""),
                                     std::pair(Words{"--watch", "a"}, ""), std::pair(Words{"--watch", "5"}, "5"),
                                     std::pair(Words{"--watch=0.5"}, "0.5")}) {
    ASSERT_OK_AND_ASSIGN(const Arguments arguments, Parse(words));
    EXPECT_EQ(arguments.Value("watch"), value);
  }
}

TEST(ArgumentsTest, OtherErrorsAreNoUsageErrors) {
  EXPECT_FALSE(IsUsageError(absl::InvalidArgumentError("of the daemon")));
  EXPECT_FALSE(IsUsageError(absl::OkStatus()));
}

TEST(NearestTest, FindsMisspeltWordsOnly) {
  constexpr std::string_view kWords[] = {"key create", "key delete", "status"};
  EXPECT_EQ(Nearest("key creat", kWords), "key create");
  EXPECT_EQ(Nearest("staus", kWords), "status");
  EXPECT_EQ(Nearest("stat", kWords), "status");
  EXPECT_EQ(Nearest("reboot", kWords), std::nullopt);
  EXPECT_EQ(Nearest("", kWords), std::nullopt);
}

TEST(ArgumentsTest, ErrorsMayHaveAnExitStatusOfTheirOwn) {
  EXPECT_EQ(ExitStatusOf(WithExitStatus(absl::NotFoundError("no such program"), 127)), 127);
  EXPECT_EQ(ExitStatusOf(absl::NotFoundError("no such program")), std::nullopt);
}

}  // namespace
}  // namespace ddskey::cli
