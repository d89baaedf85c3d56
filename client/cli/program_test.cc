#include "client/cli/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/fake_admin_client.h"

namespace ddskey::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST(ProgramTest, HelpListsEveryCommandAndTheExitCodes) {
  Script script;
  const Outcome outcome = RunWith(script, {"--help"});
  EXPECT_EQ(outcome.code, 0);
  for (const Command* command : Commands())
    EXPECT_THAT(outcome.out, HasSubstr("  " + std::string(command->name) + " "));
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("  0  "), HasSubstr("  1  "), HasSubstr("  2  "), HasSubstr("  3  ")));
  EXPECT_THAT(outcome.err, IsEmpty());
  EXPECT_EQ(RunWith(script, {"-h"}).out, outcome.out);
}

TEST(ProgramTest, EveryCommandHasHelpOfItsOwnAndDoesNothingThen) {
  Script script;
  for (const Command* command : Commands()) {
    std::vector<std::string> words;
    const size_t space = command->name.find(' ');
    words.emplace_back(command->name.substr(0, space));
    if (space != std::string_view::npos) words.emplace_back(command->name.substr(space + 1));
    words.emplace_back("--help");
    const Outcome outcome = RunWith(script, words);
    EXPECT_EQ(outcome.code, 0);
    EXPECT_THAT(outcome.out, StartsWith("Usage: ddskeyctl " + std::string(command->name)));
    for (const Option& option : command->options) EXPECT_THAT(outcome.out, HasSubstr("--" + std::string(option.name)));
  }
  EXPECT_EQ(script.calls, 0);
}

TEST(ProgramTest, SaysItsVersion) {
  Script script;
  EXPECT_THAT(RunWith(script, {"--version"}).out, testing::MatchesRegex("ddskeyctl [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

struct Mistake {
  std::vector<std::string> words;
  std::string message;
};

TEST(ProgramTest, MistakesOnTheCommandLineDoNothing) {
  const Mistake kMistakes[] = {
      {{}, "no command"},
      {{"key"}, "needs a second word"},
      {{"key", "creat", "a"}, "did you mean \"key create\"?"},
      {{"keycreate", "a"}, "did you mean \"key create\"?"},
      {{"stauts"}, "did you mean \"status\"?"},
      {{"frobnicate"}, "unknown command"},
      {{"key", "create"}, "needs NAME"},
      {{"key", "create", "a", "b"}, "does not expect \"b\""},
      {{"key", "create", "../a"}, "cannot be a key's name"},
      {{"key", "create", "a", "--algo", "ec-p256"}, "did you mean --algorithm?"},
      {{"key", "create", "a", "--algorithm", "ec-p512"}, "--algorithm is"},
      {{"key", "create", "a", "--purpose", "sign"}, "--purpose is"},
      {{"key", "create", "a", "--purge"}, "unknown option --purge"},
      {{"key", "list", "a"}, "does not expect"},
      {{"key", "delete", "a", "--yess"}, "did you mean --yes?"},
      {{"key", "delete", "a", "--yes", "--purg"}, "did you mean --purge?"},
      {{"csr", "a"}, "needs --subject"},
      {{"csr", "a", "--subject", "talker"}, "is not TYPE=VALUE"},
      {{"csr", "a", "--subject", "/CN=a", "--key-usage", "digitalsignature"}, "did you mean digitalSignature?"},
      {{"csr", "a", "--subject", "/CN=a", "--out", ""}, "--out"},
      {{"cert", "install", "a"}, "needs --certificate"},
      {{"cert", "show", "a", "--json", "--pem"}, "choose"},
      {{"status", "--timeout", "0"}, "--timeout"},
      {{"status", "--timeout", "1h"}, "--timeout"},
      {{"status", "--timeout", "99999999999999"}, "--timeout"},
      {{"status", "--socket="}, "--socket"},
      {{"--verbose", "status"}, "unknown option --verbose"},
  };
  for (const Mistake& mistake : kMistakes) {
    Script script;
    const Outcome outcome = RunWith(script, mistake.words);
    EXPECT_EQ(outcome.code, 2) << mistake.message;
    EXPECT_THAT(outcome.err, AllOf(StartsWith("ddskeyctl: "), HasSubstr(mistake.message), HasSubstr("--help")));
    EXPECT_THAT(outcome.out, IsEmpty());
    EXPECT_EQ(script.calls, 0);
  }
}

TEST(ProgramTest, GlobalOptionsMayStandAnywhere) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--socket", "/s", "--timeout=5", "key", "show", "a"},
        {"key", "show", "a", "--timeout", "5", "--socket=/s"},
        {"key", "--socket", "/s", "show", "--timeout", "5", "a"}}) {
    Script script;
    EXPECT_EQ(RunWith(script, words).code, 0);
    EXPECT_EQ(script.socket, "/s");
    EXPECT_EQ(script.timeout, std::chrono::seconds(5));
    EXPECT_EQ(script.calls, 1);
  }
}

TEST(ProgramTest, NamesThatLookLikeCommandsOrOptionsAreNames) {
  Script script;
  EXPECT_EQ(RunWith(script, {"key", "create", "status"}).code, 0);
  EXPECT_EQ(script.create.name(), "status");
  EXPECT_EQ(RunWith(script, {"key", "create", "--", "create"}).code, 0);
  EXPECT_EQ(script.create.name(), "create");
}

TEST(ProgramTest, ExitCodesTellRefusedFromUnreachable) {
  const auto code = [](absl::Status status) {
    Script script;
    script.status = std::move(status);
    return RunWith(script, {"key", "show", "a"}).code;
  };
  EXPECT_EQ(code(absl::OkStatus()), 0);
  EXPECT_EQ(code(absl::PermissionDeniedError("x")), 1);
  EXPECT_EQ(code(absl::NotFoundError("x")), 1);
  EXPECT_EQ(code(absl::InvalidArgumentError("x")), 1);
  EXPECT_EQ(code(absl::InternalError("x")), 1);
  EXPECT_EQ(code(absl::UnavailableError("x")), 3);
  EXPECT_EQ(code(absl::DeadlineExceededError("x")), 3);
}

TEST(ProgramTest, ErrorsSayTheNextStep) {
  Script script;
  script.status = absl::UnavailableError("cannot reach /run/ddskeyd/admin.sock");
  const Outcome outcome = RunWith(script, {"status"});
  EXPECT_EQ(outcome.err,
            "ddskeyctl: cannot reach /run/ddskeyd/admin.sock\n"
            "Is the daemon running? See: systemctl status ddskeyd\n");
  EXPECT_THAT(outcome.out, IsEmpty());
}

TEST(ProgramTest, S16ErrorsAreEscapedForTheTerminal) {
  Script script;
  script.status = absl::FailedPreconditionError("signed by CN=\x1b[2Jfake\nsecond line");
  EXPECT_EQ(RunWith(script, {"status"}).err, "ddskeyctl: signed by CN=\\x1b[2Jfake\n  second line\n");
}

TEST(ProgramTest, FailsWhenTheAnswerCannotBeWritten) {
  Script script;
  std::istringstream in;
  std::ostringstream out, err;
  out.setstate(std::ios::badbit);
  const Io io = {.in = in, .out = out, .err = err, .now = absl::Now()};
  const auto connect = [&](const std::string&, std::chrono::milliseconds) {
    return std::make_unique<FakeAdminClient>(&script);
  };
  EXPECT_EQ(RunProgram(std::vector<std::string>{"status"}, connect, io), ExitCode::kFailed);
}

}  // namespace
}  // namespace ddskey::cli
