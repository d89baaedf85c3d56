#include "test/bench/secured_domain.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <utility>

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

SecuredDomain::SecuredDomain(size_t participants, std::vector<Place> places, Network network)
    : pki_(folder_.path()),
      places_(std::move(places)),
      network_(std::move(network)),
      participants_(participants),
      library_(std::filesystem::absolute("plugin_shim/cyclonedds/libddskey_cyclonedds.so")) {
  for (const Place& place : places_) {
    daemons_.push_back(std::make_unique<test::TestDaemon>(DaemonOptions(place.backends)));
  }
  for (size_t host = 0; host < participants; ++host) {
    pki_.AddParticipant(NameOf(Plugin::kBuiltin, host));
    const std::string name = NameOf(Plugin::kOurs, host);
    test::TestDaemon& daemon = *daemons_[host % daemons_.size()];
    pki_.AddCertified(name, daemon.Enroll(name, pki_.identity_ca(), {.subject = {{"O", "Lab"}, {"CN", name}}}));
  }
}

std::string SecuredDomain::Configuration(Plugin plugin, size_t host, size_t count) const {
  const std::string name = NameOf(plugin, host);
  auto options = test::CycloneOptions::For(pki_, name, domain_);
  // One more than there are participants: two that start at the same moment may pass over a place.
  options.max_participant_index = static_cast<int>(count);
  options.interface = network_.interface;
  options.peers = network_.addresses;
  if (plugin == Plugin::kOurs) {
    options.private_key = "ddskey:" + name;
    options.library = library_;
  }
  return test::CycloneConfig(options);
}

std::unique_ptr<SecuredDomain::Hosts> SecuredDomain::StartHosts(Plugin plugin, size_t count) {
  domain_ = domain_ % kDomains + 1;
  std::vector<test::Process::Options> options;
  std::vector<std::vector<std::string>> commands;
  auto hosts = std::make_unique<Hosts>();
  for (size_t host = 0; host < count; ++host) {
    const size_t place = host % places_.size();
    options.push_back({.environment = {{"CYCLONEDDS_URI", Configuration(plugin, host, count)},
                                       {"DDSKEY_SOCKET", daemons_[place]->socket()}},
                       .user = {},
                       .output = hosts->folder_.File(std::to_string(host))});
    commands.push_back(places_[place].launcher);
    commands.back().insert(commands.back().end(), {"test/bench/dds_host", std::to_string(count - 1)});
  }
  hosts->began_ = Nanoseconds();
  for (size_t host = 0; host < count; ++host) {
    hosts->processes_.push_back(test::Process::Start(commands[host], options[host]));
  }
  return hosts;
}

double SecuredDomain::Hosts::WaitUntilMatched() {
  const Progress progress = WaitAtMost(kLimit);
  if (progress.hosts == processes_.size()) return progress.milliseconds;
  std::fputs("a DDS host did not match all others within a minute\n", stderr);
  for (const auto& process : processes_) std::fputs(process->Output().c_str(), stderr);
  std::exit(EXIT_FAILURE);
}

int64_t SecuredDomain::Hosts::TimeOf(const test::Process& process, const std::string& word,
                                     std::chrono::milliseconds limit) {
  int64_t time = 0;
  test::WaitFor(
      [&] {
        const std::string output = process.Output();
        const size_t line = output.find(word + " ");
        if (line == std::string::npos || output.find('\n', line) == std::string::npos) return false;
        time = std::strtoll(output.c_str() + line + word.size() + 1, nullptr, 10);
        return true;
      },
      std::max(limit, std::chrono::milliseconds(0)));
  return time;
}

double SecuredDomain::Hosts::WaitUntilParted(int64_t began, size_t gone) {
  int64_t last = began;
  for (size_t host = 0; host < processes_.size(); ++host) {
    if (host == gone) continue;
    const int64_t parted = TimeOf(*processes_[host], "parted", kLimit);
    if (parted == 0) {
      std::fprintf(stderr, "a DDS host did not drop its peer within a minute\n%s", processes_[host]->Output().c_str());
      std::exit(EXIT_FAILURE);
    }
    last = std::max(last, parted);
  }
  return static_cast<double>(last - began) / 1e6;
}

int64_t SecuredDomain::Revoke(size_t host) {
  v1::InstallRevocationListsRequest request;
  request.set_revocation_lists(
      pki_.identity_ca().Crl({test::ReadFile(pki_.File(NameOf(Plugin::kOurs, host) + ".pem"))}));
  const int64_t began = Nanoseconds();
  for (size_t other = 0; other < participants_; ++other) {
    if (other == host) continue;
    request.set_key_name(NameOf(Plugin::kOurs, other));
    if (const auto installed = daemons_.front()->admin().InstallRevocationLists(request); !installed.ok()) {
      std::fprintf(stderr, "cannot install a revocation list: %s\n", installed.status().ToString().c_str());
      std::exit(EXIT_FAILURE);
    }
  }
  return began;
}

SecuredDomain::Hosts::Progress SecuredDomain::Hosts::WaitAtMost(std::chrono::milliseconds limit) {
  Progress progress;
  int64_t last = began_;
  for (const auto& process : processes_) {
    const auto spent = std::chrono::nanoseconds(Nanoseconds() - began_);
    const int64_t matched =
        TimeOf(*process, "matched", std::chrono::duration_cast<std::chrono::milliseconds>(limit - spent));
    if (matched == 0) continue;
    ++progress.hosts;
    last = std::max(last, matched);
  }
  progress.milliseconds = static_cast<double>(last - began_) / 1e6;
  return progress;
}

}  // namespace ddskey::bench
