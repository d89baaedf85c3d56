// Measures the speed and the size of ddskeyd and its shim beside those of what they are compared with, in one run, and
// prints a table. docs/benchmarks.md says how to read it. Never fails because of what it measured.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "test/bench/private_network.h"
#include "test/bench/report.h"
#include "test/bench/rows.h"

namespace ddskey::bench {
namespace {

struct Row {
  const char* name;
  const char* what;
  std::vector<Line> (*measure)(int rounds);
  int rounds;
};

constexpr Row kRows[] = {
    {"first-match", "start to first match of two participants, against the builtin plugin", &FirstMatch, 5},
    {"twenty", "twenty participants at once, against the builtin plugin", &TwentyParticipants, 5},
    {"revocation", "from a revocation until nineteen others have dropped the participant", &Revocation, 3},
    {"reply-rate", "Replies a second with a TPM key, against a bare signing loop", &ReplyRate, 5},
    {"sign-rate", "TPM signatures a second in an encrypted session, against bare signing loops", &SignRate, 5},
    {"key-rotation", "TPM signatures a second with 50 keys in turn, against load, sign and flush", &KeyRotation, 5},
    {"device-return", "from the return of a TPM to the first good signature", &DeviceReturn, 3},
    {"reply-latency", "time of a Reply with a software key, against the same work in process", &ReplyLatency, 7},
    {"fifty", "fifty participants at once, against the builtin plugin", &FiftyParticipants, 1},
    {"throttled-tpm", "twenty participants with a TPM of 20 signatures a second", &ThrottledTpmRow, 3},
    {"two-hosts", "the same on two hosts, ten participants each", &TwoHosts, 3},
    {"refused-flood", "handshakes while refused peers come 100 times a second", &RefusedFlood, 5},
    {"forged-guids", "Replies with a TPM key while 1,000 forged GUIDs a second come", &ForgedGuids, 3},
    {"validation", "time to validate certificates, against X509_verify_cert", &Validation, 5},
    {"new-crl", "1,000 peers, 100 revocation lists: memory, and a new list in force", &NewRevocationList, 3},
    {"pkcs11-backend", "signatures a second with a key in SoftHSM2, through the daemon and in process", &HsmRate, 5},
    {"shim", "threads, memory and libraries that the shim adds to an application", &ShimFootprint, 3},
    {"module-rate", "signatures a second through the PKCS#11 module, against other modules", &ModuleRate, 5},
    {"module", "threads, libraries and memory that the PKCS#11 module adds to a program in C", &ModuleFootprint, 3},
    {"daemon-memory", "resident memory of the daemon, idle and for each idle client", &DaemonMemory, 3},
};

void Usage(std::FILE* out) {
  std::fputs("usage: bench [--rounds N] [ROW...]\n\nRows (default: all):\n", out);
  for (const Row& row : kRows) std::fprintf(out, "  %-14s %s\n", row.name, row.what);
}

// Options is the command line: which rows, and how many rounds instead of those of the row.
struct Options {
  std::vector<const Row*> rows;
  int rounds = 0;
};

[[noreturn]] void EndWithUsage(const std::string& wrong) {
  std::fprintf(stderr, "bench: %s\n", wrong.c_str());
  Usage(stderr);
  std::exit(2);
}

const Row* FindRow(const std::string& name) {
  for (const Row& row : kRows) {
    if (name == row.name) return &row;
  }
  EndWithUsage("there is no row " + name);
}

Options Parse(const std::vector<std::string>& arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--help" || arguments[i] == "-h") {
      Usage(stdout);
      std::exit(EXIT_SUCCESS);
    }
    if (arguments[i] == "--rounds") {
      options.rounds = i + 1 < arguments.size() ? std::atoi(arguments[++i].c_str()) : 0;
      if (options.rounds < 1) EndWithUsage("--rounds takes a number from 1 on");
    } else {
      options.rows.push_back(FindRow(arguments[i]));
    }
  }
  if (options.rows.empty()) {
    for (const Row& row : kRows) options.rows.push_back(&row);
  }
  return options;
}

// A thousand clients need more descriptors than a process is usually given, here and in the daemons that inherit this.
void AllowDescriptors() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void Main(const Options& options) {
  AllowDescriptors();
  setenv("TSS2_LOG", "all+NONE", 0);
  const bool apart = EnterPrivateNetwork();
  std::fprintf(stderr, "%u processors; DDS traffic stays %s\n", std::thread::hardware_concurrency(),
               apart ? "in a network of its own" : "on loopback");
  std::vector<Line> lines;
  for (const Row* row : options.rows) {
    std::fprintf(stderr, "measuring %s: %s\n", row->name, row->what);
    const auto measured = row->measure(options.rounds == 0 ? row->rounds : options.rounds);
    lines.insert(lines.end(), measured.begin(), measured.end());
    // At once, should somebody not wait for the rest.
    std::fprintf(stderr, "%s", Table(measured).c_str());
  }
  std::printf("\n%s", Table(lines).c_str());
}

}  // namespace
}  // namespace ddskey::bench

int main(int argc, char** argv) {
  ddskey::bench::Main(ddskey::bench::Parse(std::vector<std::string>(argv + 1, argv + argc)));
}
