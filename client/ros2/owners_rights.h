#ifndef CLIENT_ROS2_OWNERS_RIGHTS_H_
#define CLIENT_ROS2_OWNERS_RIGHTS_H_

#include <sys/types.h>

#include <memory>
#include <vector>

#include "absl/status/statusor.h"

namespace ddskey::ros2 {

// OwnersRights are another user's rights over files, for the calling thread, while the object lives (S-14): that user,
// the primary group, no other groups, and none of the superuser's capabilities over files. Nothing else of the process
// changes; sockets that are open and other threads stay the superuser's.
class OwnersRights {
 public:
  // Take takes the place of `user`. For that user itself it does nothing. PERMISSION_DENIED for anybody else but the
  // superuser; INTERNAL if the kernel did not do all of it.
  static absl::StatusOr<std::unique_ptr<OwnersRights>> Take(uid_t user);

  // The destructor gives the place back, in the same thread, or ends the program.
  ~OwnersRights();
  OwnersRights(const OwnersRights&) = delete;
  OwnersRights& operator=(const OwnersRights&) = delete;

 private:
  OwnersRights() = default;

  bool taken_ = false;
  gid_t group_ = 0;
  std::vector<gid_t> groups_;
};

}  // namespace ddskey::ros2

#endif  // CLIENT_ROS2_OWNERS_RIGHTS_H_
