#ifndef CLIENT_CA_INDEX_H_
#define CLIENT_CA_INDEX_H_

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace ddskey::ca {

// Issued is a certificate that a CA has issued.
struct Issued {
  // Hexadecimal, upper case, two digits an octet.
  std::string serial;
  // As OpenSSL's -subj, control and non-ASCII characters escaped.
  std::string subject;
  absl::Time not_after;
  // Set if it was revoked.
  std::optional<absl::Time> revoked;
  // One of kReasons; empty for none.
  std::string reason;
};

// kReasons are why a certificate can be revoked (RFC 5280, 5.3.1), each at the place of its number; empty ones are for
// other things than participants' certificates.
inline constexpr std::string_view kReasons[] = {"unspecified",        "keyCompromise", "",
                                                "affiliationChanged", "superseded",    "cessationOfOperation"};

// Index is the list of what a CA has issued, in the format of `openssl ca` (index.txt), which can go on with it.
class Index {
 public:
  // Parse reads a file. DATA_LOSS names the line that is none.
  static absl::StatusOr<Index> Parse(std::string_view text);

  std::string Format() const;

  // Find returns null for a serial number that was not issued. It may have leading zeros, lower case and colons.
  const Issued* Find(std::string_view serial) const;

  // Add adds a certificate. ALREADY_EXISTS if its serial number was issued before.
  absl::Status Add(Issued issued);

  // Revoke marks one. NOT_FOUND if it was not issued, FAILED_PRECONDITION if it was revoked before.
  absl::Status Revoke(std::string_view serial, absl::Time when, std::string_view reason);

  const std::vector<Issued>& entries() const { return entries_; }

 private:
  std::vector<Issued> entries_;
  // Places in `entries_`.
  std::map<std::string, size_t> by_serial_;
};

}  // namespace ddskey::ca

#endif  // CLIENT_CA_INDEX_H_
