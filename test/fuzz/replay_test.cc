// The test of every fuzz target: it is linked with one of them, whose corpus the environment names.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "test/fuzz/invariant.h"
#include "test/fuzz/mutator.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace ddskey::fuzz {
namespace {

// Absolute: a target may go to another folder.
const std::filesystem::path kCorpus = std::filesystem::absolute(std::getenv("FUZZ_CORPUS"));

constexpr uint32_t kSeed = 20260101;
// A bug that a target finds is found long before.
constexpr int kMutationsForPlantedBug = 50'000;

void Try(const std::string& input) {
  // A copy of the very size, so that AddressSanitizer sees a read past the end.
  const std::vector<uint8_t> octets(input.begin(), input.end());
  LLVMFuzzerTestOneInput(octets.data(), octets.size());
}

std::vector<std::string> Corpus() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(kCorpus)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> corpus;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

void RunMutations(int count) {
  Mutator mutator(Corpus(), kSeed);
  for (int i = 0; i < count; ++i) Try(mutator.Next());
}

TEST(FuzzTargetTest, KeepsItsInvariantsOnItsCorpus) {
  const std::vector<std::string> corpus = Corpus();
  ASSERT_FALSE(corpus.empty());
  Try("");
  for (const std::string& input : corpus) Try(input);
}

TEST(FuzzTargetTest, KeepsItsInvariantsOnMutations) { RunMutations(std::atoi(std::getenv("FUZZ_MUTATIONS"))); }

// Its name makes gtest run it before anything has started a thread.
TEST(FuzzTargetDeathTest, FindsAPlantedBug) {
  EXPECT_DEATH(
      {
        planted_bug = true;
        for (const std::string& input : Corpus()) Try(input);
        RunMutations(kMutationsForPlantedBug);
      },
      "broken invariant: ");
}

}  // namespace
}  // namespace ddskey::fuzz
