#ifndef DAEMON_BACKEND_PKCS11_FRAME_H_
#define DAEMON_BACKEND_PKCS11_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::pkcs11 {

// A frame on the stream between the daemon and a module's process: the size of the message (1 to kMaxMessage) and of
// the secret (0 to kMaxSecret), each as four octets, little end first; then the message, then the secret.
inline constexpr size_t kMaxMessage = size_t{16} << 10;
inline constexpr size_t kMaxSecret = 255;

// Frame is one frame, lent by its reader.
struct Frame {
  std::string_view message;
  std::span<const uint8_t> secret;
};

// FrameReader takes a stream apart, in memory that is locked and in which secrets are erased after use. Not
// thread-safe.
class FrameReader {
 public:
  static absl::StatusOr<FrameReader> Create();

  // Fill reads once what `fd` has, and waits for it if `fd` blocks. UNAVAILABLE at the end of the stream, or if it
  // broke. Call it only when Next had nothing.
  absl::Status Fill(int fd);

  // Next returns the next whole frame, or nothing. The frame is lent until the next call. DATA_LOSS for sizes that no
  // frame has.
  absl::StatusOr<std::optional<Frame>> Next();

  // Take is Fill from memory, for tests: it takes as much of `octets` as there is room for and returns how much.
  size_t Take(std::string_view octets);

 private:
  explicit FrameReader(SecretBytes buffer) : buffer_(std::move(buffer)) {}
  std::span<uint8_t> Room();

  SecretBytes buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  // What Next lent.
  size_t lent_ = 0;
  size_t lent_secret_ = 0;
};

// WriteFrame sends a frame. `flags` are those of send(2): with MSG_DONTWAIT a stream without room for all of the frame
// is UNAVAILABLE, and of no further use; without, it waits.
absl::Status WriteFrame(int fd, std::string_view message, std::span<const uint8_t> secret, int flags);

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_FRAME_H_
