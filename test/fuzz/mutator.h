#ifndef TEST_FUZZ_MUTATOR_H_
#define TEST_FUZZ_MUTATOR_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace ddskey::fuzz {

// Mutator makes inputs of a corpus as a fuzzer does, but always the same ones: a few changes each to octets, numbers,
// parts and lines. It is no substitute for libFuzzer, which looks at what an input reaches.
class Mutator {
 public:
  // `corpus` must not be empty.
  Mutator(std::vector<std::string> corpus, uint32_t seed) : corpus_(std::move(corpus)), random_(seed) {}

  // Next returns the next input.
  std::string Next();

 private:
  // Below returns a number below `limit`, or 0 if that is 0.
  size_t Below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  const std::string& Any() { return corpus_[Below(corpus_.size())]; }
  std::string PartOf(const std::string& text);
  char AnyOctet(const std::string& text);
  void ChangeOctet(std::string& text);
  void ChangeLines(std::string& text);
  void ChangeNumber(std::string& text);
  void Change(std::string& text);

  const std::vector<std::string> corpus_;
  std::mt19937 random_;
};

}  // namespace ddskey::fuzz

#endif  // TEST_FUZZ_MUTATOR_H_
