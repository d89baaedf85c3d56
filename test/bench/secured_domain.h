#ifndef TEST_BENCH_SECURED_DOMAIN_H_
#define TEST_BENCH_SECURED_DOMAIN_H_

#include <sys/types.h>

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
// the same governance (everything encrypted) and permissions, and a daemon with software keys in its default limits.
class SecuredDomain {
 public:
  // Up to `participants` can run at once.
  explicit SecuredDomain(size_t participants);

  // Hosts are running participants, each in a process of its own. They end with this object.
  class Hosts {
   public:
    // WaitUntilMatched returns the time from before the first was started until the last had matched all others, in
    // milliseconds. Ends the program after a minute.
    double WaitUntilMatched();
    pid_t pid(size_t host) const { return processes_[host]->pid(); }

   private:
    friend class SecuredDomain;
    test::TempDir folder_;
    int64_t began_ = 0;
    std::vector<std::unique_ptr<test::Process>> processes_;
  };

  // StartHosts starts `count` at once, in a DDS domain that no other hosts of this object were in lately.
  std::unique_ptr<Hosts> StartHosts(Plugin plugin, size_t count);

 private:
  std::string Configuration(Plugin plugin, size_t host, size_t count) const;

  test::TempDir folder_;
  test::CyclonePki pki_;
  test::TestDaemon daemon_;
  std::string library_;
  int domain_ = 0;
};

}  // namespace ddskey::bench

#endif  // TEST_BENCH_SECURED_DOMAIN_H_
