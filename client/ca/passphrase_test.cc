#include "client/ca/passphrase.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "proto/contract/secret_access.h"
#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey::ca {
namespace {

using ::ddskey::test::StatusIs;

std::string Text(const SecretBytes& secret) {
  const auto octets = secret.Reveal(SecretAccess());
  return {octets.begin(), octets.end()};
}

std::string FileWith(const test::TempDir& dir, const std::string& content, mode_t mode = 0600) {
  const std::string path = dir.Write("passphrase", content);
  chmod(path.c_str(), mode);
  return path;
}

TEST(PassphraseTest, IsTheFirstLineOfAFile) {
  const test::TempDir dir;
  for (const std::string text : {"correct horse", "correct horse\n", "correct horse\r\n", "correct horse\nmore\n"}) {
    ASSERT_OK_AND_ASSIGN(const SecretBytes passphrase, ReadPassphraseFile(FileWith(dir, text)));
    EXPECT_EQ(Text(passphrase), "correct horse");
  }
}

TEST(PassphraseTest, IsNeitherTooShortNorTooLong) {
  const test::TempDir dir;
  for (const std::string& text : {std::string(), std::string("seven77\n"), std::string(1025, 'x')}) {
    EXPECT_THAT(ReadPassphraseFile(FileWith(dir, text)), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_OK(ReadPassphraseFile(FileWith(dir, std::string(1024, 'x'))));
  EXPECT_OK(ReadPassphraseFile(FileWith(dir, "1"), 1)) << "one that others have chosen";
  EXPECT_THAT(ReadPassphraseFile(FileWith(dir, ""), 1), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(PassphraseTest, S14IsNotTakenFromAFileThatOthersMayRead) {
  const test::TempDir dir;
  for (const mode_t mode : {0640, 0604, 0620}) {
    EXPECT_THAT(ReadPassphraseFile(FileWith(dir, "correct horse", mode)),
                StatusIs(absl::StatusCode::kPermissionDenied));
  }
}

TEST(PassphraseTest, IsTypedWithoutBeingShown) {
  const int person = posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(person, 0);
  ASSERT_EQ(grantpt(person), 0);
  ASSERT_EQ(unlockpt(person), 0);
  const int terminal = open(ptsname(person), O_RDWR | O_NOCTTY);
  ASSERT_GE(terminal, 0);
  std::string seen;
  // Types when asked, as what was typed before is thrown away.
  std::thread typist([&] {
    const auto read_until = [&](const std::string& end) {
      char letter = 0;
      pollfd ready = {person, POLLIN, 0};
      while (!seen.ends_with(end) && poll(&ready, 1, 20'000) == 1 && read(person, &letter, 1) == 1) seen += letter;
    };
    read_until("Passphrase: ");
    EXPECT_EQ(write(person, "correct horse\n", 14), 14);
    read_until("\n");
  });
  const auto passphrase = PromptPassphrase(terminal, "Passphrase: ");
  typist.join();
  close(terminal);
  close(person);
  ASSERT_OK(passphrase);
  EXPECT_EQ(Text(*passphrase), "correct horse");
  EXPECT_EQ(seen, "Passphrase: \r\n");
}

TEST(PassphraseTest, IsNotAskedForWithoutATerminal) {
  const test::TempDir dir;
  const int file = open(FileWith(dir, "correct horse\n").c_str(), O_RDONLY);
  EXPECT_THAT(PromptPassphrase(file, "?"), StatusIs(absl::StatusCode::kFailedPrecondition));
  close(file);
  EXPECT_FALSE(PromptPassphrase(-1, "?").ok());
}

}  // namespace
}  // namespace ddskey::ca
