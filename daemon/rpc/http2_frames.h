#ifndef DAEMON_RPC_HTTP2_FRAMES_H_
#define DAEMON_RPC_HTTP2_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ddskey::test {

// HTTP/2 frames (RFC 9113) as a test writes them, well-formed or not.

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

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
inline constexpr uint8_t kEndStream = 0x1;
inline constexpr uint8_t kAck = 0x1;
inline constexpr uint8_t kEndHeaders = 0x4;

inline std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload = "") {
  std::string out;
  for (const int shift : {16, 8, 0}) out.push_back(static_cast<char>(payload.size() >> shift));
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(stream >> shift));
  return out.append(payload);
}

// Hello is what a client begins with.
inline std::string Hello() { return std::string(kPreface) + Frame(kSettings, 0, 0); }

// Literal is an HPACK header field without indexing (RFC 7541, 6.2.2), name and value shorter than 127 octets.
inline std::string Literal(std::string_view name, std::string_view value) {
  std::string out(1, '\0');
  for (const std::string_view text : {name, value}) {
    out.push_back(static_cast<char>(text.size()));
    out.append(text);
  }
  return out;
}

// RequestHeaders is the header block of a gRPC call.
inline std::string RequestHeaders(std::string_view path) {
  return Literal(":method", "POST") + Literal(":scheme", "http") + Literal(":path", path) +
         Literal(":authority", "localhost") + Literal("te", "trailers") + Literal("content-type", "application/grpc");
}

// Message is a gRPC message with its prefix.
inline std::string Message(std::string_view octets, bool compressed = false) {
  std::string out(1, compressed ? '\1' : '\0');
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(octets.size() >> shift));
  return out.append(octets);
}

}  // namespace ddskey::test

#endif  // DAEMON_RPC_HTTP2_FRAMES_H_
