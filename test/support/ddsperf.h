#ifndef TEST_SUPPORT_DDSPERF_H_
#define TEST_SUPPORT_DDSPERF_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "test/support/process.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {

// Ddsperf is a running process of Debian's unmodified ddsperf.
class Ddsperf {
 public:
  // Start runs ddsperf with `arguments`, for example {"sub"} or {"pub", "100Hz", "size", "1k"}. `configuration` is the
  // XML for Cyclone DDS (see CycloneConfig), which also says the domain. `options.output` may be empty.
  static std::unique_ptr<Ddsperf> Start(const std::vector<std::string>& arguments, const std::string& configuration,
                                        Process::Options options = {});

  // StartBy is the same with the configuration that `starter`, a program with arguments, gives it.
  static std::unique_ptr<Ddsperf> StartBy(std::vector<std::string> starter, const std::vector<std::string>& arguments,
                                          Process::Options options = {});

  // Samples is how many a "sub" has received, as far as it has said: it does so once a second. None comes before both
  // sides have authenticated and keyed each other. (What ddsperf prints about new participants comes before that.)
  uint64_t Samples() const;

  // WaitForData waits until a "sub" says that it has received more than `count` samples; false if it ended or `limit`
  // passed first.
  bool WaitForData(uint64_t count = 0, std::chrono::milliseconds limit = std::chrono::seconds(30));

  // Stop asks it to end in an orderly way and returns its exit status (1 for lost samples and unmatched peers).
  std::optional<int> Stop();

  Process& process() { return *process_; }

  // Output is what ddsperf and Cyclone DDS have printed.
  std::string Output() const { return process_->Output(); }

 private:
  Ddsperf() = default;
  void Begin(std::vector<std::string> command, const std::vector<std::string>& arguments, Process::Options options);

  // Declared before the process, so that it outlives it.
  TempDir folder_;
  std::unique_ptr<Process> process_;
};

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_DDSPERF_H_
