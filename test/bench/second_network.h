#ifndef TEST_BENCH_SECOND_NETWORK_H_
#define TEST_BENCH_SECOND_NETWORK_H_

#include <memory>
#include <string>
#include <vector>

#include "test/support/process.h"

namespace ddskey::bench {

// SecondNetwork is a network namespace beside that of this process, with a cable between the two: what runs there is
// another host. It is gone with this object.
class SecondNetwork {
 public:
  // Create returns null if this process may not make one (it is not root, or not in a network of its own).
  static std::unique_ptr<SecondNetwork> Create();

  // The name of the interface at both ends, the addresses of this end and of the other.
  static constexpr const char* kInterface = "ddskey0";
  static constexpr const char* kHere = "10.99.0.1";
  static constexpr const char* kThere = "10.99.0.2";

  // launcher is what to put before a command that is to run there.
  std::vector<std::string> launcher() const;

 private:
  explicit SecondNetwork(std::unique_ptr<test::Process> keeper) : keeper_(std::move(keeper)) {}

  // Lives there.
  const std::unique_ptr<test::Process> keeper_;
};

}  // namespace ddskey::bench

#endif  // TEST_BENCH_SECOND_NETWORK_H_
