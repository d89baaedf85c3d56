#ifndef CLIENT_ROS2_ENCLAVE_FOLDER_H_
#define CLIENT_ROS2_ENCLAVE_FOLDER_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/ca/descriptor.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey::ros2 {

// Stamp tells a file from another one of the same name.
struct Stamp {
  dev_t device = 0;
  ino_t inode = 0;
  mode_t mode = 0;
  nlink_t links = 0;

  bool IsSameFile(const Stamp& other) const { return device == other.device && inode == other.inode; }
};

// OwnFile is a file of the enclave itself: key.pem, cert.pem, permissions.p7s.
template <typename Content>
struct OwnFile {
  Content content;
  Stamp stamp;
};

// EnclaveFolder is the folder of an enclave of SROS2. Everything in it is done with the rights of the folder's owner
// (S-14) and beneath a descriptor that was opened once: a folder that takes its place later is never touched. The
// folder is locked while the object lives.
//
// Two kinds of files are read. Those of the enclave itself are regular files of the owner, no links. SROS2 makes
// identity_ca.cert.pem, permissions_ca.cert.pem and governance.p7s relative links to files that all enclaves of a
// keystore share: these public documents may be links that stay beneath the keystore, to regular files of the owner or
// of root.
class EnclaveFolder {
 public:
  // What ends the name of a file that was replaced.
  static constexpr std::string_view kKept = ".before-ddskeyd";

  // Open opens the folder `path` of the keystore `keystore`; if that is empty, of the keystore whose folder "enclaves"
  // is on the way to `path`, or else of none. No part of either path may be a symbolic link. FAILED_PRECONDITION says
  // what is wrong; ABORTED if another program has it locked.
  static absl::StatusOr<EnclaveFolder> Open(const std::string& path, const std::string& keystore);

  // path is absolute.
  const std::string& path() const { return path_; }
  uid_t owner() const { return owner_; }

  // Read reads a file of the enclave, of 1 octet to `limit`. NOT_FOUND if there is none. ReadSecret is the same for at
  // most 16 KiB.
  absl::StatusOr<OwnFile<std::string>> Read(const std::string& name, size_t limit) const;
  absl::StatusOr<OwnFile<SecretBytes>> ReadSecret(const std::string& name) const;

  // ReadPublic reads a document that may be a link, at most 64 KiB. INVALID_ARGUMENT if it holds a private key.
  absl::StatusOr<std::string> ReadPublic(const std::string& name) const;

  // StampOf is how a file of the enclave is now, or nothing if there is none.
  absl::StatusOr<std::optional<Stamp>> StampOf(const std::string& name) const;

  // Stage writes `content` beside the file `name`, under a name of its own; what an interrupted run left there goes.
  absl::Status Stage(const std::string& name, std::string_view content, mode_t mode);

  // Keep gives the file `name` a second name, that with kKept at its end, and `mode`. FAILED_PRECONDITION if it is
  // not the file of `stamp` any more, or if another one was kept before.
  absl::Status Keep(const std::string& name, const Stamp& stamp, mode_t mode);

  // Switch puts what was staged in the place of `name`, in one step.
  absl::Status Switch(const std::string& name);

  // PutBack puts what was kept back in the place of `name`, in one step; nothing if nothing was.
  absl::Status PutBack(const std::string& name);

  // Remove removes a file of the enclave, if there is one.
  absl::Status Remove(const std::string& name);

 private:
  EnclaveFolder(std::string path, std::string below, std::unique_ptr<ca::Descriptor> root, uid_t owner)
      : path_(std::move(path)), below_(std::move(below)), root_(std::move(root)), owner_(owner) {}

  absl::Status Failure(std::string_view doing, const std::string& name, int error) const;
  absl::Status CheckFile(int fd, const std::string& name, bool also_of_root, Stamp* stamp) const;
  // AsOwner does something that returns 0, or -1 with errno, with the owner's rights.
  absl::Status AsOwner(std::string_view doing, const std::string& name, const std::function<int()>& work) const;
  absl::StatusOr<std::unique_ptr<ca::Descriptor>> OpenOwn(const std::string& name, Stamp* stamp) const;

  std::string path_;
  // The way from the keystore to the folder.
  std::string below_;
  std::unique_ptr<ca::Descriptor> root_;
  std::unique_ptr<ca::Descriptor> folder_;
  uid_t owner_;
};

}  // namespace ddskey::ros2

#endif  // CLIENT_ROS2_ENCLAVE_FOLDER_H_
