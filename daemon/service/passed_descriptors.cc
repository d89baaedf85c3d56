#include "daemon/service/passed_descriptors.h"

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace ddskey {
namespace {

bool IsName(const std::string& name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

absl::Status ToStatus(int result) {
  if (result > 0) return absl::OkStatus();
  if (result == 0) return absl::FailedPreconditionError("there is no service manager to keep descriptors");
  return absl::InternalError(absl::StrCat("the service manager's descriptor store: ", std::strerror(-result)));
}

}  // namespace

PassedDescriptors PassedDescriptors::Receive() {
  PassedDescriptors passed;
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(/*unset_environment=*/1, &names);
  for (int i = 0; i < count; ++i) {
    passed.descriptors_.emplace(names[i], SD_LISTEN_FDS_START + i);
    std::free(names[i]);
  }
  std::free(names);
  return passed;
}

PassedDescriptors::~PassedDescriptors() {
  for (const auto& [name, fd] : descriptors_) close(fd);
}

std::optional<int> PassedDescriptors::Take(const std::string& name) {
  const auto found = descriptors_.lower_bound(name);
  if (found == descriptors_.end() || found->first != name) return std::nullopt;
  const int fd = found->second;
  descriptors_.erase(found);
  return fd;
}

absl::Status StoreDescriptor(const std::string& name, int fd) {
  if (!IsName(name)) return absl::InvalidArgumentError("the name of a stored descriptor is 1 to 64 of [a-z0-9-]");
  // The store may hold several of one name.
  const std::string remove = absl::StrCat("FDSTOREREMOVE=1\nFDNAME=", name);
  if (const int removed = sd_notify(0, remove.c_str()); removed <= 0) return ToStatus(removed);
  const std::string store = absl::StrCat("FDSTORE=1\nFDNAME=", name);
  return ToStatus(sd_pid_notify_with_fds(0, 0, store.c_str(), &fd, 1));
}

}  // namespace ddskey
