#include "test/bench/secured_domain.h"

#include <time.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "test/bench/bench_daemon.h"

namespace ddskey::bench {
namespace {

constexpr std::chrono::seconds kLimit(60);
// Domains above have no ports (DDSI-RTPS 9.6.1.1).
constexpr int kDomains = 200;

int64_t Nanoseconds() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::string NameOf(Plugin plugin, size_t host) {
  return absl::StrCat(plugin == Plugin::kBuiltin ? "builtin" : "ours", host);
}

}  // namespace

SecuredDomain::SecuredDomain(size_t participants)
    : pki_(folder_.path()),
      daemon_(DaemonOptions({})),
      library_(std::filesystem::absolute("plugin_shim/cyclonedds/libddskey_cyclonedds.so")) {
  for (size_t host = 0; host < participants; ++host) {
    pki_.AddParticipant(NameOf(Plugin::kBuiltin, host));
    const std::string name = NameOf(Plugin::kOurs, host);
    pki_.AddCertified(name, daemon_.Enroll(name, pki_.identity_ca(), {.subject = {{"O", "Lab"}, {"CN", name}}}));
  }
}

std::string SecuredDomain::Configuration(Plugin plugin, size_t host, size_t count) const {
  const std::string name = NameOf(plugin, host);
  auto options = test::CycloneOptions::For(pki_, name, domain_);
  // One more than there are participants: two that start at the same moment may pass over a place.
  options.max_participant_index = static_cast<int>(count);
  if (plugin == Plugin::kOurs) {
    options.private_key = "ddskey:" + name;
    options.library = library_;
  }
  return test::CycloneConfig(options);
}

std::unique_ptr<SecuredDomain::Hosts> SecuredDomain::StartHosts(Plugin plugin, size_t count) {
  domain_ = domain_ % kDomains + 1;
  std::vector<test::Process::Options> options;
  auto hosts = std::make_unique<Hosts>();
  for (size_t host = 0; host < count; ++host) {
    options.push_back(
        {.environment = {{"CYCLONEDDS_URI", Configuration(plugin, host, count)}, {"DDSKEY_SOCKET", daemon_.socket()}},
         .user = {},
         .output = hosts->folder_.File(std::to_string(host))});
  }
  hosts->began_ = Nanoseconds();
  for (const auto& each : options) {
    hosts->processes_.push_back(test::Process::Start({"test/bench/dds_host", std::to_string(count - 1)}, each));
  }
  return hosts;
}

double SecuredDomain::Hosts::WaitUntilMatched() {
  int64_t last = 0;
  for (const auto& process : processes_) {
    long long matched = 0;
    const auto told = [&] {
      const std::string output = process->Output();
      const size_t line = output.find("matched ");
      return line != std::string::npos && output.back() == '\n' &&
             std::sscanf(output.c_str() + line, "matched %lld", &matched) == 1;
    };
    if (!test::WaitFor(told, kLimit)) {
      std::fprintf(stderr, "a DDS host did not match all others within a minute: %s\n", process->Output().c_str());
      std::exit(EXIT_FAILURE);
    }
    last = std::max<int64_t>(last, matched);
  }
  return static_cast<double>(last - began_) / 1e6;
}

}  // namespace ddskey::bench
