#include "test/bench/second_network.h"

#include <filesystem>
#include <utility>

namespace ddskey::bench {
namespace {

std::string NetworkOf(const std::string& pid) {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/" + pid + "/ns/net", ignored).string();
}

}  // namespace

std::unique_ptr<SecondNetwork> SecondNetwork::Create() {
  auto keeper = test::Process::Start({"unshare", "--net", "sleep", "infinity"}, {});
  const std::string pid = std::to_string(keeper->pid());
  const bool apart = test::WaitFor([&] {
    const std::string network = NetworkOf(pid);
    return !keeper->Running() || (!network.empty() && network != NetworkOf("self"));
  });
  if (!apart || !keeper->Running()) return nullptr;
  std::unique_ptr<SecondNetwork> second(new SecondNetwork(std::move(keeper)));
  const auto here = [](const std::vector<std::string>& command) { return test::Run(command) == 0; };
  const auto there = [&](std::vector<std::string> command) {
    const auto launcher = second->launcher();
    command.insert(command.begin(), launcher.begin(), launcher.end());
    return test::Run(command) == 0;
  };
  const bool joined =
      here({"ip", "link", "add", kInterface, "type", "veth", "peer", "name", kInterface, "netns", pid}) &&
      here({"ip", "address", "add", std::string(kHere) + "/24", "dev", kInterface}) &&
      there({"ip", "address", "add", std::string(kThere) + "/24", "dev", kInterface}) &&
      here({"ip", "link", "set", kInterface, "up"}) && there({"ip", "link", "set", kInterface, "up"}) &&
      there({"ip", "link", "set", "lo", "up"});
  if (!joined) return nullptr;
  return second;
}

std::vector<std::string> SecondNetwork::launcher() const {
  return {"nsenter", "--net=/proc/" + std::to_string(keeper_->pid()) + "/ns/net", "--"};
}

}  // namespace ddskey::bench
