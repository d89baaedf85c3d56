#include "client/socket_identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ddskey {

std::optional<SocketIdentity> IdentityOf(int descriptor) {
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISSOCK(status.st_mode)) return std::nullopt;
  return SocketIdentity{status.st_dev, status.st_ino};
}

int AboveStandardDescriptors(int descriptor) {
  if (descriptor < 0 || descriptor > STDERR_FILENO) return descriptor;
  const int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  close(descriptor);
  return moved;
}

}  // namespace ddskey
