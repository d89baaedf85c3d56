#ifndef DAEMON_RPC_UNIQUE_FD_H_
#define DAEMON_RPC_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace ddskey {

// UniqueFd owns a file descriptor and closes it.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

  // Release gives the descriptor away; the caller closes it.
  int Release() { return std::exchange(fd_, -1); }

  // Reset closes the descriptor and owns `fd` instead.
  void Reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace ddskey

#endif  // DAEMON_RPC_UNIQUE_FD_H_
