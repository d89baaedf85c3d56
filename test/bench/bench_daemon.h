#ifndef TEST_BENCH_BENCH_DAEMON_H_
#define TEST_BENCH_BENCH_DAEMON_H_

#include <string>

#include "test/support/test_daemon.h"

namespace ddskey::bench {

// DaemonOptions is a daemon in which whoever runs the benchmarks may do everything; software keys unless `backends`
// says otherwise. Everything else is as it comes.
test::TestDaemon::Options DaemonOptions(const std::string& backends);

// UnlimitedOptions is the same without limits on what a caller may take, to measure what the daemon can do.
test::TestDaemon::Options UnlimitedOptions(const std::string& backends);

}  // namespace ddskey::bench

#endif  // TEST_BENCH_BENCH_DAEMON_H_
