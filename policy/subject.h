#ifndef POLICY_SUBJECT_H_
#define POLICY_SUBJECT_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ddskey {

// Subject is a calling process as the kernel describes it (S-10). `start_time` is field 22 of /proc/PID/stat, in clock
// ticks since boot: with it a reused pid is told from the process that had it before.
struct Subject {
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  std::vector<gid_t> groups;
  pid_t pid = 0;
  uint64_t start_time = 0;

  friend bool operator==(const Subject&, const Subject&) = default;
};

// PeerIdentity is the verified certificate of a handshake's peer: RFC 2253 text forms, and the serial number in
// hexadecimal without leading zeros, lower case.
struct PeerIdentity {
  std::string subject;
  std::string issuer;
  std::string serial;
};

}  // namespace ddskey

#endif  // POLICY_SUBJECT_H_
