#ifndef TEST_BENCH_PRIVATE_NETWORK_H_
#define TEST_BENCH_PRIVATE_NETWORK_H_

namespace ddskey::bench {

// EnterPrivateNetwork moves this process, and those it will start, into a network of their own in which there is only
// loopback. False if the kernel does not let it (not root): then they stay on the loopback of the host.
bool EnterPrivateNetwork();

}  // namespace ddskey::bench

#endif  // TEST_BENCH_PRIVATE_NETWORK_H_
