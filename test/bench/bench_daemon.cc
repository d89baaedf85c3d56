#include "test/bench/bench_daemon.h"

#include <unistd.h>

#include "absl/strings/substitute.h"

namespace ddskey::bench {

test::TestDaemon::Options DaemonOptions(const std::string& backends) {
  test::TestDaemon::Options options;
  options.backends = backends;
  options.policy = absl::Substitute(R"(
rule {
  name: "benchmarks" effect: ALLOW caller { uid: $0 } key: "*"
  operation: [HANDSHAKE, KEY_CREATE, KEY_LIST, KEY_DELETE, CSR_CREATE, CERTIFICATE_INSTALL, TRUST_CHANGE, STATUS]
}
rule { name: "digests" effect: ALLOW caller { uid: $0 } key: "key" operation: SIGN_DIGEST }
)",
                                    geteuid());
  return options;
}

test::TestDaemon::Options UnlimitedOptions(const std::string& backends) {
  test::TestDaemon::Options options = DaemonOptions(backends);
  options.more = R"(
limits {
  connections: 100000 connections_per_uid: 100000 connections_per_process: 100000
  calls_per_uid: 100000 calls_per_process: 100000
  handshakes_per_second: 1000000 handshake_burst: 1000000
}
)";
  return options;
}

}  // namespace ddskey::bench
