#ifndef TEST_BENCH_ROWS_H_
#define TEST_BENCH_ROWS_H_

#include <vector>

#include "test/bench/report.h"

// The measurements, one function each. Ours and the reference take turns within a round; the lines are about the
// medians of the rounds. docs/benchmarks.md says how to read them.
namespace ddskey::bench {

// FirstMatch: from the start of two processes until both are matched, with software keys, against the builtin plugin.
std::vector<Line> FirstMatch(int rounds);

// TwentyParticipants: the same with twenty processes started at once, until the last is matched with all others.
std::vector<Line> TwentyParticipants(int rounds);

// ReplyRate: Replies a second with a TPM key through the daemon, for 8 and 64 clients, against EsapiSigner.
std::vector<Line> ReplyRate(int rounds);

// ReplyLatency: time of a Reply with a software key through the daemon, against the same work in process.
std::vector<Line> ReplyLatency(int rounds);

// ShimFootprint: threads, private memory and libraries of a matched application, against the builtin plugin.
std::vector<Line> ShimFootprint(int rounds);

// DaemonMemory: resident memory of an idle daemon, and for each idle client.
std::vector<Line> DaemonMemory(int rounds);

}  // namespace ddskey::bench

#endif  // TEST_BENCH_ROWS_H_
