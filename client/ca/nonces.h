#ifndef CLIENT_CA_NONCES_H_
#define CLIENT_CA_NONCES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace ddskey::ca {

// Nonces are those that a CA has issued for attestations: 32 random octets, good once, for an hour (S-11). They are
// kept for a day, so that whoever comes too late or twice is told so.
class Nonces {
 public:
  static constexpr absl::Duration kGood = absl::Hours(1);
  static constexpr absl::Duration kKept = absl::Hours(24);

  // Parse reads a file: a line for each, the nonce in hexadecimal, a tab, when it was issued (RFC 3339), and, if it was
  // used, a tab and "used". DATA_LOSS names the line that is none.
  static absl::StatusOr<Nonces> Parse(std::string_view text);

  std::string Format() const;

  // Issue adds a new one, and leaves out what is not kept any more.
  absl::StatusOr<std::string> Issue(absl::Time now);

  // Check is OK if `nonce` may be used; FAILED_PRECONDITION says that it was not issued here, was used, or is too old.
  absl::Status Check(std::string_view nonce, absl::Time now) const;

  // Use is Check, and takes note that it was used.
  absl::Status Use(std::string_view nonce, absl::Time now);

 private:
  struct Entry {
    std::string nonce;
    absl::Time issued;
    bool used = false;
  };

  std::vector<Entry> entries_;
};

}  // namespace ddskey::ca

#endif  // CLIENT_CA_NONCES_H_
