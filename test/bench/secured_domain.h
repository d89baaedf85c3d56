#ifndef TEST_BENCH_SECURED_DOMAIN_H_
#define TEST_BENCH_SECURED_DOMAIN_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "test/support/pki_cyclone.h"
#include "test/support/process.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"

namespace ddskey::bench {

// Plugin is who authenticates the participants: the plugin that comes with Cyclone DDS and key files, or ours and keys
// of the daemon.
enum class Plugin { kBuiltin, kOurs };

// SecuredDomain is everything that secured participants need under either plugin: certificates of one identity CA,
// the same governance (everything encrypted) and permissions, and for each host a daemon in its default limits.
class SecuredDomain {
 public:
  // Place is a host: its daemon's backends (software keys if empty), and what to put before a command to run it there.
  struct Place {
    std::string backends = {};
    std::vector<std::string> launcher = {};
  };
  // Network is the interface by which participants reach each other, and the addresses of all hosts.
  struct Network {
    std::string interface = "lo";
    std::vector<std::string> addresses = {"127.0.0.1"};
  };

  // Up to `participants` can run at once, spread over the places in turn.
  explicit SecuredDomain(size_t participants) : SecuredDomain(participants, {Place()}, Network()) {}
  SecuredDomain(size_t participants, std::vector<Place> places, Network network);

  // Hosts are running participants, each in a process of its own. They end with this object.
  class Hosts {
   public:
    // WaitUntilMatched returns the time from before the first was started until the last had matched all others, in
    // milliseconds. Ends the program after a minute.
    double WaitUntilMatched();
    // Progress is how far they came: how many have matched all others, and when the last of those had.
    struct Progress {
      size_t hosts = 0;
      double milliseconds = 0;
    };
    // WaitAtMost waits until all have, or until `limit` has passed since the first was started.
    Progress WaitAtMost(std::chrono::milliseconds limit);
    // WaitUntilParted returns the time from `began` (CLOCK_MONOTONIC, nanoseconds) until the last but host `gone` has
    // lost sight of another, in milliseconds. Ends the program after a minute.
    double WaitUntilParted(int64_t began, size_t gone);
    pid_t pid(size_t host) const { return processes_[host]->pid(); }

   private:
    friend class SecuredDomain;
    // TimeOf waits until a host has printed a line that begins with `word`, and returns the time in it; 0 if it has not
    // after `limit`.
    static int64_t TimeOf(const test::Process& process, const std::string& word, std::chrono::milliseconds limit);
    test::TempDir folder_;
    int64_t began_ = 0;
    std::vector<std::unique_ptr<test::Process>> processes_;
  };

  // StartHosts starts `count` at once, in a DDS domain that no other hosts of this object were in lately.
  std::unique_ptr<Hosts> StartHosts(Plugin plugin, size_t count);

  // Revoke has the certificate that `host` has under our plugin revoked for all others, and returns when it began to
  // (CLOCK_MONOTONIC, nanoseconds). For one place only.
  int64_t Revoke(size_t host);

 private:
  std::string Configuration(Plugin plugin, size_t host, size_t count) const;

  test::TempDir folder_;
  test::CyclonePki pki_;
  const std::vector<Place> places_;
  const Network network_;
  const size_t participants_;
  std::vector<std::unique_ptr<test::TestDaemon>> daemons_;
  std::string library_;
  int domain_ = 0;
};

}  // namespace ddskey::bench

#endif  // TEST_BENCH_SECURED_DOMAIN_H_
