#include "daemon/backend/pkcs11/frame.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::pkcs11 {
namespace {

constexpr size_t kHeader = 8;
constexpr size_t kBuffer = size_t{64} << 10;

uint32_t ReadSize(const uint8_t* octets) {
  return static_cast<uint32_t>(octets[0]) | static_cast<uint32_t>(octets[1]) << 8 |
         static_cast<uint32_t>(octets[2]) << 16 | static_cast<uint32_t>(octets[3]) << 24;
}

void WriteSize(uint8_t* octets, size_t size) {
  for (int i = 0; i < 4; ++i) octets[i] = static_cast<uint8_t>(size >> (8 * i));
}

absl::Status Broken(int error) {
  return absl::UnavailableError(absl::StrCat("the connection to the PKCS#11 module's process broke: ",
                                             error == 0 ? "it was closed" : ::strerrordesc_np(error)));
}

}  // namespace

absl::StatusOr<FrameReader> FrameReader::Create() {
  ASSIGN_OR_RETURN(SecretBytes buffer, SecretBytes::Allocate(kBuffer));
  return FrameReader(std::move(buffer));
}

std::span<uint8_t> FrameReader::Room() {
  const std::span<uint8_t> buffer = buffer_.Reveal(SecretAccess());
  if (begin_ > 0) {
    // What is left is less than a frame.
    std::copy(buffer.begin() + static_cast<ptrdiff_t>(begin_), buffer.begin() + static_cast<ptrdiff_t>(end_),
              buffer.begin());
    const size_t left = end_ - begin_;
    explicit_bzero(buffer.data() + left, begin_);
    begin_ = 0;
    end_ = left;
  }
  return buffer.subspan(end_);
}

absl::Status FrameReader::Fill(int fd) {
  const std::span<uint8_t> room = Room();
  ssize_t got = 0;
  do {
    got = read(fd, room.data(), room.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return absl::OkStatus();
  if (got <= 0) return Broken(got < 0 ? errno : 0);
  end_ += static_cast<size_t>(got);
  return absl::OkStatus();
}

size_t FrameReader::Take(std::string_view octets) {
  const std::span<uint8_t> room = Room();
  const size_t taken = std::min(room.size(), octets.size());
  std::copy_n(octets.begin(), taken, room.begin());
  end_ += taken;
  return taken;
}

absl::StatusOr<std::optional<Frame>> FrameReader::Next() {
  const std::span<uint8_t> buffer = buffer_.Reveal(SecretAccess());
  if (lent_ > 0) {
    explicit_bzero(buffer.data() + begin_ + lent_ - lent_secret_, lent_secret_);
    begin_ += std::exchange(lent_, 0);
  }
  if (end_ - begin_ < kHeader) return std::nullopt;
  const size_t message = ReadSize(buffer.data() + begin_);
  const size_t secret = ReadSize(buffer.data() + begin_ + 4);
  if (message == 0 || message > kMaxMessage || secret > kMaxSecret) {
    return absl::DataLossError("the PKCS#11 module's process sent what is no answer");
  }
  if (end_ - begin_ < kHeader + message + secret) return std::nullopt;
  lent_ = kHeader + message + secret;
  lent_secret_ = secret;
  const uint8_t* const start = buffer.data() + begin_ + kHeader;
  return Frame{{reinterpret_cast<const char*>(start), message}, {start + message, secret}};
}

absl::Status WriteFrame(int fd, std::string_view message, std::span<const uint8_t> secret, int flags) {
  if (message.empty() || message.size() > kMaxMessage || secret.size() > kMaxSecret) {
    return absl::InternalError("a message between ddskeyd and a PKCS#11 module's process is too large");
  }
  std::array<uint8_t, kHeader> header = {};
  WriteSize(header.data(), message.size());
  WriteSize(header.data() + 4, secret.size());
  std::array<iovec, 3> parts = {{{header.data(), header.size()},
                                 {const_cast<char*>(message.data()), message.size()},
                                 {const_cast<uint8_t*>(secret.data()), secret.size()}}};
  size_t left = header.size() + message.size() + secret.size();
  msghdr all = {};
  all.msg_iov = parts.data();
  all.msg_iovlen = parts.size();
  while (left > 0) {
    const ssize_t sent = sendmsg(fd, &all, flags | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return Broken(sent < 0 ? errno : 0);
    left -= static_cast<size_t>(sent);
    for (size_t step = static_cast<size_t>(sent); step > 0;) {
      const size_t part = std::min(step, all.msg_iov->iov_len);
      all.msg_iov->iov_base = static_cast<uint8_t*>(all.msg_iov->iov_base) + part;
      all.msg_iov->iov_len -= part;
      step -= part;
      if (all.msg_iov->iov_len == 0 && all.msg_iovlen > 1) {
        ++all.msg_iov;
        --all.msg_iovlen;
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace ddskey::pkcs11
