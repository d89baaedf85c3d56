// What the library brings into a stranger's process.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <set>
#include <sstream>
#include <string>

#include "test/support/plugin_host.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr char kDropIn[] = "plugin_shim/cyclonedds/libdds_security_auth.so";

class LibraryTest : public ::testing::TestWithParam<const char*> {};

// The words of column `column` in the lines of `text`.
std::set<std::string> Column(const std::string& text, int column) {
  std::set<std::string> words;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream stream(line);
    std::string word;
    for (int i = 0; i <= column; ++i) stream >> word;
    if (!word.empty()) words.insert(word);
  }
  return words;
}

std::string OutputOf(const std::vector<std::string>& command) {
  std::string output;
  EXPECT_EQ(Run(command, &output), 0) << output;
  return output;
}

TEST_P(LibraryTest, ExportsItsEntryPointsAndNothingElse) {
  EXPECT_THAT(Column(OutputOf({"nm", "-D", "--defined-only", GetParam()}), 2),
              UnorderedElementsAre("init_authentication", "finalize_authentication"));
}

TEST_P(LibraryTest, StaysLoaded) {
  EXPECT_THAT(OutputOf({"readelf", "-dW", GetParam()}), AllOf(HasSubstr("NODELETE"), HasSubstr("NOW")));
}

TEST_P(LibraryTest, BringsTwoLibrariesIntoAProcessOfCycloneDds) {
  std::set<std::string> added = Column(OutputOf({"ldd", GetParam()}), 0);
  for (const std::string& there : Column(OutputOf({"ldd", "/usr/bin/ddsperf"}), 0)) added.erase(there);
  // What a build for tests adds.
  std::erase_if(added,
                [](const std::string& name) { return name.starts_with("libasan") || name.starts_with("libubsan"); });
  EXPECT_THAT(added, UnorderedElementsAre("libnghttp2.so.14", "libprotobuf-lite.so.32"));
}

INSTANTIATE_TEST_SUITE_P(Names, LibraryTest, ::testing::Values(kShimPlugin, kDropIn));

int Entries(const std::string& folder) {
  const std::filesystem::directory_iterator entries(folder);
  return static_cast<int>(std::distance(begin(entries), end(entries)));
}

TEST(LibraryInUseTest, HasNoThreadAndKeepsNoDescriptor) {
  const TempDir folder;
  setenv("DDSKEY_SOCKET", folder.File("absent").c_str(), 1);
  const int threads = Entries("/proc/self/task");
  const int descriptors = Entries("/proc/self/fd");
  const auto host = PluginHost::Load(kShimPlugin);
  PluginParticipant::Options options;
  options.properties = {{"dds.sec.auth.private_key", "ddskey:talker"},
                        {"dds.sec.auth.identity_certificate", "data:,certificate"},
                        {"ddskey.connect_timeout_ms", "20"}};
  std::string error;
  EXPECT_EQ(PluginParticipant::Create(*host, options, &error), nullptr);
  EXPECT_THAT(error, HasSubstr(folder.File("absent")));
  EXPECT_EQ(Entries("/proc/self/task"), threads);
  EXPECT_EQ(Entries("/proc/self/fd"), descriptors);
}

}  // namespace
}  // namespace ddskey::test
