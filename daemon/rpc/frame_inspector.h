#ifndef DAEMON_RPC_FRAME_INSPECTOR_H_
#define DAEMON_RPC_FRAME_INSPECTOR_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "daemon/rpc/token_bucket.h"

namespace ddskey {

// FrameInspector follows the HTTP/2 frames (RFC 9113) of one connection in both directions, and says when a client does
// what no gRPC client does (S-9; the bounds are in limits.h). It looks at frame headers only, decodes nothing, and
// needs memory only for the streams that are open. It has no socket, clock or thread.
class FrameInspector {
 public:
  using Clock = std::chrono::steady_clock;
  using Octets = std::span<const uint8_t>;

  explicit FrameInspector(Clock::time_point connected);

  // FromClient takes the next octets from the client. An error is the end of the connection: its message says what the
  // client did. After OK, all octets so far may go on to gRPC, except the last `held()`.
  absl::Status FromClient(Octets octets, Clock::time_point now);

  // FromServer takes the next octets from gRPC, all of which may go on to the client.
  void FromServer(Octets octets);

  // held is how many of the last octets from the client must wait: those of an unfinished connection preface, frame
  // header or header block. So gRPC never sees a header block that is not whole. At most 17 KiB.
  size_t held() const { return held_; }

  // deadline is when the client must have finished what it began, or the latest time of the clock if it began nothing.
  Clock::time_point deadline() const;
  // Overdue says what was not finished by then.
  std::string Overdue() const;

  // Excuse puts off the deadlines by the time in which nobody read from the client.
  void Excuse(Clock::duration delay);

  // GoodBye returns frames that end the connection with `reason` if the client can be told now, that is between two
  // frames of gRPC's; else nothing.
  std::string GoodBye(const std::string& reason) const;

  size_t open_streams() const { return streams_.size(); }

  // request_octets is what the requests that are not answered yet take, as limits.h counts it.
  uint64_t request_octets() const;

 private:
  // Frame is the frame that octets are being taken of: its header as far as it is here, then how much is left of it.
  struct Frame {
    std::array<uint8_t, 9> header;
    uint8_t header_octets = 0;
    uint32_t left = 0;

    // TakeHeader moves octets into the header and returns true when it is whole.
    bool TakeHeader(Octets& octets);
    uint32_t length() const { return uint32_t{header[0]} << 16 | uint32_t{header[1]} << 8 | header[2]; }
    uint8_t type() const { return header[3]; }
    uint8_t flags() const { return header[4]; }
    uint32_t stream() const {
      return (uint32_t{header[5]} << 24 | uint32_t{header[6]} << 16 | uint32_t{header[7]} << 8 | header[8]) &
             0x7fffffff;
    }
  };

  struct Stream {
    uint32_t id;
    bool client_done;
    bool server_done;
    Clock::time_point since;
    // Of DATA so far.
    uint64_t octets = 0;
  };

  absl::Status TakePreface(Octets& octets);
  absl::Status BeginFrame(Clock::time_point now);
  absl::Status BeginHeaders(Clock::time_point now);
  absl::Status BeginContinuation();
  absl::Status CountData(Clock::time_point now);
  absl::Status CountControl(Clock::time_point now);
  absl::Status OpenStream(uint32_t id, Clock::time_point now);
  std::vector<Stream>::iterator FindStream(uint32_t id);
  void EndFrame();
  void EndServerFrameHeader();
  void CloseStream(uint32_t id, bool by_client, bool by_server);

  Clock::time_point connected_;
  bool first_request_done_ = false;
  uint8_t preface_octets_ = 0;
  bool settings_seen_ = false;
  Frame client_;
  Frame server_;
  bool server_began_ = false;
  size_t held_ = 0;

  // The header block that is not whole yet.
  bool in_block_ = false;
  uint32_t block_octets_ = 0;
  uint32_t block_continuations_ = 0;
  uint32_t block_stream_ = 0;
  bool block_ends_stream_ = false;
  Clock::time_point block_since_;

  // Open streams by rising id.
  std::vector<Stream> streams_;
  uint32_t last_stream_ = 0;
  // Octets of DATA of the open streams.
  uint64_t data_octets_ = 0;
  // How many of them the client has not ended.
  uint32_t unfinished_ = 0;
  TokenBucket control_frames_;
  TokenBucket small_frames_;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_FRAME_INSPECTOR_H_
