#ifndef CLIENT_CLI_STATUS_PAGE_H_
#define CLIENT_CLI_STATUS_PAGE_H_

#include <sys/types.h>

#include <functional>
#include <string>

#include "absl/time/time.h"
#include "ddskey/v1/admin.pb.h"

namespace ddskey::cli {

// PageOptions is for whom a page is made.
struct PageOptions {
  // Colours, as terminals understand them.
  bool colour = false;
  // The name of a user; empty if it has none. Null: users are shown by number.
  std::function<std::string(uid_t)> user_name = nullptr;
};

// StatusPage is a status for people, as lines of text, what needs attention first. All that is foreign is escaped
// (S-16).
std::string StatusPage(const v1::GetStatusResponse& status, absl::Time now, const PageOptions& options);

// UserName is the name of a user of this host; empty if it has none.
std::string UserName(uid_t uid);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_STATUS_PAGE_H_
