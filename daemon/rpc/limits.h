#ifndef DAEMON_RPC_LIMITS_H_
#define DAEMON_RPC_LIMITS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "ddskey/v1/config.pb.h"

namespace ddskey {

// What callers can take, in one place (S-9, S-17). `Limits` can be configured (config.proto); the constants cannot.

// Limits bound what callers can take of the daemon.
struct Limits {
  // Connections at once: of all callers, of one uid, of one process.
  uint32_t connections = 4096;
  uint32_t connections_per_uid = 1024;
  uint32_t connections_per_process = 32;
  // Calls under way at once.
  uint32_t calls_per_uid = 512;
  uint32_t calls_per_process = 64;
  // Handshakes begun by one process: a second, and at once after a pause.
  uint32_t handshakes_per_second = 50;
  uint32_t handshake_burst = 400;
};

// LimitsFrom takes what is configured; zero means the default.
Limits LimitsFrom(const v1::Limits& configured);

// Largest request on the application socket: tokens of 160 KiB, participant data, permissions, certificates.
inline constexpr int kApplicationMessageOctets = 512 * 1024;
// Largest request on the administration socket: revocation lists of 8 MiB.
inline constexpr int kAdminMessageOctets = 9 * 1024 * 1024;
// Largest metadata of a call, as decoded. An honest client sends a few hundred octets.
inline constexpr int kMetadataOctets = 8 * 1024;
// Memory that all connections of a socket may take before callers are put off: of gRPC's, or as RequestShares counts
// it.
inline constexpr size_t kApplicationMemoryOctets = size_t{256} << 20;
inline constexpr size_t kAdminMemoryOctets = size_t{64} << 20;
// What requests that are not answered yet, and answers that are not read yet, may take of it: of one process, and of
// one uid, so that it takes several users to have others put off. A request counts its octets and what gRPC needs for
// any, a little over 16 KiB (measured).
inline constexpr size_t kRequestOctetsPerProcess = size_t{10} << 20;
inline constexpr size_t kRequestOctetsPerUid = size_t{32} << 20;
inline constexpr size_t kRequestCost = size_t{16} << 10;

// Calls of Watch that wait at once: one for each DDS domain that a process is in. They do not count as calls under way.
inline constexpr uint32_t kWatchesPerProcess = 16;
inline constexpr uint32_t kWatchesPerUid = 1024;
// The longest that one waits.
inline constexpr std::chrono::milliseconds kLongestWatch{60000};

// Frame guard (S-9). Streams open at once on one connection; also announced to the client, so an honest one waits.
inline constexpr uint32_t kStreams = 64;
// Octets of one header block: HEADERS and its CONTINUATION frames, and how many of the latter.
inline constexpr uint32_t kHeaderBlockOctets = 16 * 1024;
inline constexpr uint32_t kContinuations = 16;
// Octets of one frame's payload (RFC 9113, SETTINGS_MAX_FRAME_SIZE, which gRPC leaves at its initial value).
inline constexpr uint32_t kFrameOctets = 16 * 1024;
// RST_STREAM, PING, SETTINGS, PRIORITY, GOAWAY and unknown frames a second, together.
inline constexpr uint32_t kControlFramesPerSecond = 100;
// Flow control and crumbs of DATA that may come without any work behind them, a second. gRPC adds a WINDOW_UPDATE to
// nearly each write, so each request and each frame that the daemon sends allows some more.
inline constexpr uint32_t kSmallFramesPerSecond = 1000;
inline constexpr uint32_t kSmallFramesPerUnitOfWork = 4;
// A header block must be whole within this time of its first octet.
inline constexpr std::chrono::milliseconds kHeaderBlockTime{2000};
// The first request must be whole within this time of connecting.
inline constexpr std::chrono::milliseconds kFirstRequestTime{5000};
// Each request must be whole within this time of its header block.
inline constexpr std::chrono::milliseconds kRequestTime{10000};
// A client that has octets waiting for it must take some within this time.
inline constexpr std::chrono::milliseconds kStalledReaderTime{30000};

}  // namespace ddskey

#endif  // DAEMON_RPC_LIMITS_H_
