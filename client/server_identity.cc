#include "client/server_identity.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string_view>

namespace ddskey {

std::vector<uid_t> TrustedServerUids(const std::string& passwd_file) {
  std::vector<uid_t> uids = {0, geteuid()};
  const std::unique_ptr<FILE, int (*)(FILE*)> file(fopen(passwd_file.c_str(), "re"), &fclose);
  if (file == nullptr) return uids;

  passwd entry;
  passwd* found = nullptr;
  std::array<char, 4096> text;
  while (fgetpwent_r(file.get(), &entry, text.data(), text.size(), &found) == 0) {
    if (std::string_view(found->pw_name) == "ddskeyd") uids.push_back(found->pw_uid);
  }
  return uids;
}

}  // namespace ddskey
