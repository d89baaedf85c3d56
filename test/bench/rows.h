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

// Revocation: from the first of nineteen commands that revoke one of twenty participants until the last of the others
// has dropped it.
std::vector<Line> Revocation(int rounds);

// ReplyRate: Replies a second with a TPM key through the daemon, for 8 and 64 clients, against EsapiSigner.
std::vector<Line> ReplyRate(int rounds);

// SignRate: signatures a second of the TPM backend, whose commands pass in an encrypted session, against bare loops of
// ESAPI with such a session and without, also through tpm2-abrmd.
std::vector<Line> SignRate(int rounds);

// KeyRotation: signatures a second of the TPM backend with fifty keys in turn, against loading, signing and flushing.
std::vector<Line> KeyRotation(int rounds);

// DeviceReturn: from the start of a TPM, or a broker, that was away to the first good signature.
std::vector<Line> DeviceReturn(int rounds);

// ReplyLatency: time of a Reply with a software key through the daemon, against the same work in process.
std::vector<Line> ReplyLatency(int rounds);

// ModuleRate: signatures a second of programs that use the PKCS#11 module, against p11-kit's remoting of SoftHSM2, and
// against tpm2-pkcs11 in the program itself.
std::vector<Line> ModuleRate(int rounds);

// ModuleFootprint: threads, libraries and private memory that the PKCS#11 module adds to one of two programs in C.
std::vector<Line> ModuleFootprint(int rounds);

// ShimFootprint: threads, private memory and libraries of a matched application, against the builtin plugin.
std::vector<Line> ShimFootprint(int rounds);

// DaemonMemory: resident memory of an idle daemon, and for each idle client.
std::vector<Line> DaemonMemory(int rounds);

// FiftyParticipants: fifty processes with software keys, started at once, against the builtin plugin.
std::vector<Line> FiftyParticipants(int rounds);

// ThrottledTpmRow: twenty participants whose keys are in one TPM that makes 20 signatures a second, against the time
// that their signatures alone take.
std::vector<Line> ThrottledTpmRow(int rounds);

// TwoHosts: the same with ten participants on each of two hosts, each with such a TPM.
std::vector<Line> TwoHosts(int rounds);

// RefusedFlood: the 99th percentile of a handshake while refused peers come 100 times a second, against the quiet one.
std::vector<Line> RefusedFlood(int rounds);

// ForgedGuids: the 99th percentile of a Reply with a TPM key while a captured certificate comes with 1,000 invented
// GUIDs a second, less the quiet one, in signatures of the device.
std::vector<Line> ForgedGuids(int rounds);

// Validation: time to validate a known certificate again, and an unknown one against OpenSSL's own path validation;
// what the largest revocation list costs.
std::vector<Line> Validation(int rounds);
// NewRevocationList: how long a new list in a file takes until a peer that it revokes is refused, with 100 lists and
// 1,000 peers whose verdicts are remembered; and the memory for these.
std::vector<Line> NewRevocationList(int rounds);

// HsmRate: signatures a second with a key in SoftHSM2, for 8 processes that use it through the daemon, against 8 that
// have loaded SoftHSM2 themselves.
std::vector<Line> HsmRate(int rounds);

}  // namespace ddskey::bench

#endif  // TEST_BENCH_ROWS_H_
