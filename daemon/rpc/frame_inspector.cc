#include "daemon/rpc/frame_inspector.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/rpc/limits.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// RFC 9113, 6.
enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};
constexpr uint8_t kEndStream = 0x1;
constexpr uint8_t kAck = 0x1;
constexpr uint8_t kEndHeaders = 0x4;
constexpr uint8_t kEnhanceYourCalm = 0xb;

// A client announces five or six settings of six octets.
constexpr uint32_t kSettingsOctets = 32 * 6;
// DATA below this that does not end its stream is a crumb.
constexpr uint32_t kCrumbOctets = 1024;
constexpr double kSmallFrameBurst = 20.0 * kSmallFramesPerSecond;

absl::Status Violation(absl::string_view what) { return absl::InvalidArgumentError(what); }

void AppendFrameHeader(std::string& out, uint32_t length, FrameType type) {
  out.push_back(static_cast<char>(length >> 16));
  out.push_back(static_cast<char>(length >> 8));
  out.push_back(static_cast<char>(length));
  out.push_back(static_cast<char>(type));
  out.append(5, '\0');
}

}  // namespace

bool FrameInspector::Frame::TakeHeader(Octets& octets) {
  const size_t size = std::min(octets.size(), header.size() - header_octets);
  std::memcpy(header.data() + header_octets, octets.data(), size);
  header_octets += size;
  octets = octets.subspan(size);
  if (header_octets < header.size()) return false;
  left = length();
  return true;
}

FrameInspector::FrameInspector(Clock::time_point connected)
    : connected_(connected),
      control_frames_(kControlFramesPerSecond, kControlFramesPerSecond, connected),
      small_frames_(kSmallFramesPerSecond, kSmallFrameBurst, connected) {}

absl::Status FrameInspector::FromClient(Octets octets, Clock::time_point now) {
  if (preface_octets_ < kPreface.size()) RETURN_IF_ERROR(TakePreface(octets));
  while (!octets.empty()) {
    if (client_.header_octets < client_.header.size()) {
      const size_t before = octets.size();
      const bool whole = client_.TakeHeader(octets);
      held_ += before - octets.size();
      if (!whole) break;
      RETURN_IF_ERROR(BeginFrame(now));
    }
    const size_t size = std::min<size_t>(octets.size(), client_.left);
    octets = octets.subspan(size);
    client_.left -= size;
    if (in_block_) held_ += size;
    if (client_.left == 0) EndFrame();
  }
  return absl::OkStatus();
}

absl::Status FrameInspector::TakePreface(Octets& octets) {
  while (preface_octets_ < kPreface.size() && !octets.empty()) {
    if (octets.front() != static_cast<uint8_t>(kPreface[preface_octets_])) return Violation("does not speak HTTP/2");
    ++preface_octets_;
    ++held_;
    octets = octets.subspan(1);
  }
  if (preface_octets_ == kPreface.size()) held_ = 0;
  return absl::OkStatus();
}

absl::Status FrameInspector::BeginFrame(Clock::time_point now) {
  if (client_.length() > kFrameOctets) return Violation("a frame is too large");
  if (!settings_seen_ && client_.type() != kSettings) return Violation("does not begin with SETTINGS");
  if (in_block_ && client_.type() != kContinuation) return Violation("a header block is interrupted");
  switch (client_.type()) {
    case kData:
      RETURN_IF_ERROR(CountData(now));
      break;
    case kHeaders:
      RETURN_IF_ERROR(BeginHeaders(now));
      break;
    case kContinuation:
      RETURN_IF_ERROR(BeginContinuation());
      break;
    case kWindowUpdate:
      if (client_.length() != 4) return Violation("a WINDOW_UPDATE frame has the wrong size");
      if (!small_frames_.Take(now)) return Violation("too many WINDOW_UPDATE frames or crumbs of DATA");
      break;
    default:
      RETURN_IF_ERROR(CountControl(now));
      break;
  }
  // What is held of this frame is its header, and of a block all that came before.
  if (!in_block_) held_ = 0;
  return absl::OkStatus();
}

absl::Status FrameInspector::BeginHeaders(Clock::time_point now) {
  const uint32_t id = client_.stream();
  if (id % 2 == 0) return Violation("a stream has a wrong number");
  if (id > last_stream_) {
    RETURN_IF_ERROR(OpenStream(id, now));
  } else if (!control_frames_.Take(now)) {
    // Trailers, which no gRPC client sends.
    return Violation("too many trailers");
  }
  in_block_ = true;
  block_octets_ = client_.length();
  block_continuations_ = 0;
  block_stream_ = id;
  block_ends_stream_ = (client_.flags() & kEndStream) != 0;
  block_since_ = now;
  return absl::OkStatus();
}

absl::Status FrameInspector::BeginContinuation() {
  if (!in_block_ || client_.stream() != block_stream_) return Violation("a CONTINUATION frame continues nothing");
  block_octets_ += client_.length();
  ++block_continuations_;
  if (block_octets_ > kHeaderBlockOctets) return Violation("a header block is too large");
  if (block_continuations_ > kContinuations) return Violation("a header block has too many parts");
  return absl::OkStatus();
}

absl::Status FrameInspector::CountData(Clock::time_point now) {
  if (client_.stream() == 0 || client_.stream() > last_stream_) return Violation("DATA without a stream");
  const bool crumb = client_.length() < kCrumbOctets && (client_.flags() & kEndStream) == 0;
  if (crumb && !small_frames_.Take(now)) return Violation("too many WINDOW_UPDATE frames or crumbs of DATA");
  // gRPC drops what comes for a stream that has ended.
  if (const auto stream = FindStream(client_.stream()); stream != streams_.end()) {
    stream->octets += client_.length();
    data_octets_ += client_.length();
  }
  return absl::OkStatus();
}

absl::Status FrameInspector::CountControl(Clock::time_point now) {
  const uint32_t length = client_.length();
  switch (client_.type()) {
    case kSettings:
      if (!settings_seen_ && (client_.flags() & kAck) != 0) return Violation("does not begin with SETTINGS");
      if (length % 6 != 0 || length > kSettingsOctets) return Violation("a SETTINGS frame has the wrong size");
      settings_seen_ = true;
      break;
    case kRstStream:
      if (length != 4) return Violation("an RST_STREAM frame has the wrong size");
      break;
    case kPing:
      if (length != 8) return Violation("a PING frame has the wrong size");
      break;
    case kPushPromise:
      return Violation("a client must not promise");
    default:
      break;
  }
  if (!control_frames_.Take(now)) return Violation("too many RST_STREAM, PING, SETTINGS or other control frames");
  return absl::OkStatus();
}

absl::Status FrameInspector::OpenStream(uint32_t id, Clock::time_point now) {
  if (streams_.size() >= kStreams) return Violation("too many streams are open");
  streams_.push_back({id, /*client_done=*/false, /*server_done=*/false, now});
  last_stream_ = id;
  ++unfinished_;
  small_frames_.Earn(kSmallFramesPerUnitOfWork);
  return absl::OkStatus();
}

void FrameInspector::EndFrame() {
  const uint8_t type = client_.type();
  const bool ends_headers = (client_.flags() & kEndHeaders) != 0;
  client_.header_octets = 0;
  if (in_block_) {
    if (!ends_headers) return;
    in_block_ = false;
    held_ = 0;
    if (block_ends_stream_) CloseStream(block_stream_, /*by_client=*/true, /*by_server=*/false);
  } else if (type == kData && (client_.flags() & kEndStream) != 0) {
    CloseStream(client_.stream(), /*by_client=*/true, /*by_server=*/false);
  } else if (type == kRstStream) {
    CloseStream(client_.stream(), /*by_client=*/true, /*by_server=*/true);
  }
}

std::vector<FrameInspector::Stream>::iterator FrameInspector::FindStream(uint32_t id) {
  const auto stream = std::lower_bound(streams_.begin(), streams_.end(), id,
                                       [](const Stream& entry, uint32_t wanted) { return entry.id < wanted; });
  return stream == streams_.end() || stream->id != id ? streams_.end() : stream;
}

uint64_t FrameInspector::request_octets() const { return data_octets_ + streams_.size() * kRequestCost; }

void FrameInspector::CloseStream(uint32_t id, bool by_client, bool by_server) {
  const auto stream = FindStream(id);
  if (stream == streams_.end()) return;
  if (by_client && !stream->client_done) {
    stream->client_done = true;
    --unfinished_;
    // A reset is no request.
    if (!by_server) first_request_done_ = true;
  }
  stream->server_done = stream->server_done || by_server;
  if (!stream->client_done || !stream->server_done) return;
  data_octets_ -= stream->octets;
  streams_.erase(stream);
  // An idle client must cost little.
  if (streams_.empty() && streams_.capacity() > 4) streams_ = {};
}

void FrameInspector::FromServer(Octets octets) {
  server_began_ = server_began_ || !octets.empty();
  while (!octets.empty()) {
    if (server_.header_octets < server_.header.size()) {
      if (!server_.TakeHeader(octets)) return;
      EndServerFrameHeader();
    }
    const size_t size = std::min<size_t>(octets.size(), server_.left);
    octets = octets.subspan(size);
    server_.left -= size;
    if (server_.left == 0) server_.header_octets = 0;
  }
}

void FrameInspector::EndServerFrameHeader() {
  const uint8_t type = server_.type();
  if (type == kData || type == kHeaders) {
    small_frames_.Earn(kSmallFramesPerUnitOfWork);
    if ((server_.flags() & kEndStream) != 0) CloseStream(server_.stream(), /*by_client=*/false, /*by_server=*/true);
  } else if (type == kRstStream) {
    CloseStream(server_.stream(), /*by_client=*/true, /*by_server=*/true);
  }
}

FrameInspector::Clock::time_point FrameInspector::deadline() const {
  Clock::time_point first = Clock::time_point::max();
  if (!first_request_done_) first = connected_ + kFirstRequestTime;
  if (in_block_) first = std::min(first, block_since_ + kHeaderBlockTime);
  if (unfinished_ > 0) {
    const auto oldest = std::find_if(streams_.begin(), streams_.end(), [](const Stream& s) { return !s.client_done; });
    if (oldest != streams_.end()) first = std::min(first, oldest->since + kRequestTime);
  }
  return first;
}

std::string FrameInspector::Overdue() const {
  const Clock::time_point due = deadline();
  if (in_block_ && due == block_since_ + kHeaderBlockTime) return "a header block was not finished in time";
  if (!first_request_done_ && due == connected_ + kFirstRequestTime) return "no request came in time";
  return "a request was not finished in time";
}

void FrameInspector::Excuse(Clock::duration delay) {
  connected_ += delay;
  block_since_ += delay;
  for (Stream& stream : streams_) stream.since += delay;
}

std::string FrameInspector::GoodBye(const std::string& reason) const {
  std::string out;
  if (server_.header_octets != 0) return out;
  // A server's first frame is SETTINGS (RFC 9113, 3.4).
  if (!server_began_) AppendFrameHeader(out, 0, kSettings);
  AppendFrameHeader(out, static_cast<uint32_t>(8 + reason.size()), kGoAway);
  // Streams above this number were not processed; all that the client opened may have been.
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(last_stream_ >> shift));
  out.append({'\0', '\0', '\0', static_cast<char>(kEnhanceYourCalm)});
  return out + reason;
}

}  // namespace ddskey
