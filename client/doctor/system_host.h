#ifndef CLIENT_DOCTOR_SYSTEM_HOST_H_
#define CLIENT_DOCTOR_SYSTEM_HOST_H_

#include <string>
#include <vector>

#include "client/doctor/host.h"

namespace ddskey::doctor {

// SystemHost is the machine that this process runs on.
class SystemHost : public Host {
 public:
  absl::StatusOr<FileFacts> Look(const std::string& path) const override;
  absl::StatusOr<std::string> Follow(const std::string& path) const override;
  absl::StatusOr<std::string> Read(const std::string& path) const override;
  std::vector<std::string> List(const std::string& folder) const override;
  absl::StatusOr<uint64_t> FreeSpace(const std::string& path) const override;
  std::optional<UserFacts> User(const std::string& name) const override;
  std::optional<gid_t> Group(const std::string& name) const override;
  uid_t Self() const override;
  ClockFacts Clock() const override;
  bool HasEntropy() const override;
  absl::Status Load(const std::string& library, const std::vector<std::string>& symbols) const override;
  absl::StatusOr<CommandResult> Run(const std::vector<std::string>& command) const override;
};

}  // namespace ddskey::doctor

#endif  // CLIENT_DOCTOR_SYSTEM_HOST_H_
