#ifndef CLIENT_CA_DESCRIPTOR_H_
#define CLIENT_CA_DESCRIPTOR_H_

#include <unistd.h>

namespace ddskey::ca {

// Descriptor closes a file descriptor at the end of its block; -1 is none.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }

 private:
  const int fd_;
};

}  // namespace ddskey::ca

#endif  // CLIENT_CA_DESCRIPTOR_H_
