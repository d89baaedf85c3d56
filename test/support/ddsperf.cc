#include "test/support/ddsperf.h"

#include <signal.h>

#include <filesystem>
#include <utility>

namespace ddskey::test {

std::unique_ptr<Ddsperf> Ddsperf::Start(const std::vector<std::string>& arguments, const std::string& configuration,
                                        Process::Options options) {
  std::unique_ptr<Ddsperf> result(new Ddsperf);
  // Another user must be able to read the configuration.
  std::filesystem::permissions(result->folder_.path(), std::filesystem::perms(0755));
  options.environment["CYCLONEDDS_URI"] = "file://" + result->folder_.Write("cyclonedds.xml", configuration);
  result->Begin({}, arguments, std::move(options));
  return result;
}

std::unique_ptr<Ddsperf> Ddsperf::StartBy(std::vector<std::string> starter, const std::vector<std::string>& arguments,
                                          Process::Options options) {
  std::unique_ptr<Ddsperf> result(new Ddsperf);
  result->Begin(std::move(starter), arguments, std::move(options));
  return result;
}

void Ddsperf::Begin(std::vector<std::string> command, const std::vector<std::string>& arguments,
                    Process::Options options) {
  if (options.output.empty()) options.output = folder_.File("output");
  command.insert(command.end(), {"ddsperf", "-1"});
  command.insert(command.end(), arguments.begin(), arguments.end());
  process_ = Process::Start(command, options);
}

uint64_t Ddsperf::Samples() const {
  // "... size 1024 total 125545 lost 0 delta 125545 lost 0 rate ...": the number after the last whole "total".
  const std::string output = Output();
  const size_t end = output.rfind(" lost ");
  if (end == std::string::npos) return 0;
  const size_t total = output.rfind(" total ", end);
  return total == std::string::npos ? 0 : std::stoull(output.substr(total + 7));
}

bool Ddsperf::WaitForData(uint64_t count, std::chrono::milliseconds limit) {
  WaitFor([&] { return Samples() > count || !process_->Running(); }, limit);
  return Samples() > count;
}

std::optional<int> Ddsperf::Stop() {
  process_->Signal(SIGTERM);
  return process_->Wait();
}

}  // namespace ddskey::test
