#ifndef TEST_FUZZ_FRAME_SCRIPT_H_
#define TEST_FUZZ_FRAME_SCRIPT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ddskey::fuzz {

// Event is something that happens on a connection of HTTP/2.
struct Event {
  enum What { kClient, kServer, kWait, kExcuse, kClientReads, kClientEnds, kServerEnds };
  What what;
  // What the client or the server sends.
  std::string octets;
  // Milliseconds, or octets to read.
  uint32_t number = 0;
};

// ReadEvents reads lines (at most 300), each of which happens; what is none of these is passed over:
//
//   hello                         the client's preface and SETTINGS
//   frame TYPE FLAGS STREAM TEXT  a frame of the client, TYPE and the others as numbers, TEXT with escapes
//   fill TYPE FLAGS STREAM SIZE   the same with so many octets
//   raw TEXT                      octets of the client
//   server TYPE FLAGS STREAM TEXT a frame of the server
//   serve SIZE                    a frame of DATA of the server with so many octets
//   wait MILLISECONDS, excuse MILLISECONDS, reads OCTETS
//   client ends, server ends
std::vector<Event> ReadEvents(std::string_view input);

// MayBeSeen says whether gRPC may see `octets` of a client: a preface and frames, the last of them perhaps in part, but
// no part of a preface or of a frame's header, and no header block without its end. It is a parser of its own.
bool MayBeSeen(std::string_view octets);

}  // namespace ddskey::fuzz

#endif  // TEST_FUZZ_FRAME_SCRIPT_H_
