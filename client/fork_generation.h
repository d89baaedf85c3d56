#ifndef CLIENT_FORK_GENERATION_H_
#define CLIENT_FORK_GENERATION_H_

#include <cstdint>

namespace ddskey {

// ForkGeneration returns a number that stays the same for the life of a process and is another one in every child
// forked from it, however it was forked. Thread-safe and free of locks, so that nothing can be held across a fork.
uint64_t ForkGeneration();

}  // namespace ddskey

#endif  // CLIENT_FORK_GENERATION_H_
