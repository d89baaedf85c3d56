#include "client/waker.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace ddskey {
namespace {

constexpr std::chrono::minutes kLongestPoll(10);

}  // namespace

// Sockets and no pipe: writing to a pipe whose other end the host has closed would raise SIGPIPE.
Waker::Waker() {
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, descriptors_.data()) != 0) return;
  for (const size_t end : {kRead, kWrite}) {
    descriptors_[end] = AboveStandardDescriptors(descriptors_[end]);
    identities_[end] = IdentityOf(descriptors_[end]);
  }
}

Waker::~Waker() {
  for (const size_t end : {kRead, kWrite}) {
    if (const int descriptor = Usable(end); descriptor >= 0) close(descriptor);
  }
}

int Waker::Usable(size_t end) const {
  const int descriptor = descriptors_[end];
  return identities_[end] && IdentityOf(descriptor) == identities_[end] ? descriptor : -1;
}

void Waker::Wake() {
  woken_.store(true, std::memory_order_release);
  const int descriptor = Usable(kWrite);
  if (descriptor >= 0) send(descriptor, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Waker::Clear() {
  // In this order: who wakes meanwhile is found by `woken`, though what it sent is taken.
  woken_.store(false, std::memory_order_release);
  char octets[64];
  const int descriptor = Usable(kRead);
  while (descriptor >= 0 && recv(descriptor, octets, sizeof(octets), MSG_DONTWAIT) > 0) {
  }
}

void Waker::Sleep(Clock::time_point until) const {
  for (auto now = Clock::now(); !woken() && now < until; now = Clock::now()) {
    // poll() passes over a negative descriptor.
    pollfd wanted{descriptor(), POLLIN, 0};
    const auto most = wanted.fd >= 0 ? std::chrono::milliseconds(kLongestPoll) : kBlindWait;
    const auto left = std::min(std::chrono::ceil<std::chrono::milliseconds>(until - now), most);
    poll(&wanted, 1, static_cast<int>(left.count()));
  }
}

}  // namespace ddskey
