#ifndef CLIENT_CLI_SUBJECT_H_
#define CLIENT_CLI_SUBJECT_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "ddskey/v1/admin.pb.h"

namespace ddskey::cli {

// ParseSubject reads a distinguished name in one of two forms and returns its attributes in the order of the
// certificate:
//   /O=Robots/CN=talker   as OpenSSL's -subj has it, in the order of the certificate; `\/` is a slash in a value;
//   CN=talker,O=Robots    RFC 4514, as permissions documents have it, which is the reverse order; `\` before one of
//                         ,+"\<>;=# or a space, or before two hexadecimal digits.
// The types are those of admin.proto, in upper or lower case. Attributes of several values (`+`), types by number and
// values in `#` hexadecimal are refused. A usage error says what is wrong.
absl::StatusOr<std::vector<v1::SubjectAttribute>> ParseSubject(std::string_view text);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_SUBJECT_H_
