#ifndef DAEMON_HANDSHAKE_CDR_H_
#define DAEMON_HANDSHAKE_CDR_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ddskey {

// EncodeBinaryPropertySeq returns the big-endian CDR form of a BinaryPropertySeq, without encapsulation header: what
// hash_c1 and hash_c2 hash and what handshake signatures sign (DDS Security 9.3.2.3).
std::string EncodeBinaryPropertySeq(const std::vector<std::pair<std::string_view, std::string_view>>& properties);

}  // namespace ddskey

#endif  // DAEMON_HANDSHAKE_CDR_H_
