#ifndef CLIENT_DOCTOR_FAKE_HOST_H_
#define CLIENT_DOCTOR_FAKE_HOST_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/doctor/host.h"

namespace ddskey::doctor {

// FakeHost is a machine that a test describes.
class FakeHost : public Host {
 public:
  // A file, and its content if it has one.
  struct File {
    FileFacts facts;
    std::string content;
  };

  std::map<std::string, File> files;
  // What links lead to.
  std::map<std::string, std::string> links;
  std::map<std::string, UserFacts> users;
  std::map<std::string, gid_t> groups;
  uint64_t free_space = uint64_t{1} << 40;
  uid_t self = 0;
  ClockFacts clock = {.now = absl::FromUnixSeconds(1'800'000'000), .synchronised = true};
  bool entropy = true;
  // What the loader says of a library.
  std::map<std::string, absl::Status> loads;
  // What a program answers, by its name.
  std::map<std::string, CommandResult> programs;
  // What was run.
  mutable std::vector<std::vector<std::string>> ran;

  // Add makes a file of root.
  void Add(const std::string& path, FileKind kind, mode_t mode, const std::string& content = "") {
    files[path] = {.facts = {.kind = kind, .owner = 0, .group = 0, .mode = mode}, .content = content};
  }
  void AddUser(const std::string& name, uid_t uid, std::vector<gid_t> more = {}) {
    more.push_back(uid);
    users[name] = {.uid = uid, .gid = uid, .name = name, .groups = std::move(more)};
    groups[name] = uid;
  }

  absl::StatusOr<FileFacts> Look(const std::string& path) const override {
    const auto file = files.find(path);
    if (file == files.end()) return absl::NotFoundError(path + ": No such file or directory");
    return file->second.facts;
  }
  absl::StatusOr<std::string> Follow(const std::string& path) const override {
    const auto link = links.find(path);
    return link == links.end() ? path : link->second;
  }
  absl::StatusOr<std::string> Read(const std::string& path) const override {
    const auto file = files.find(path);
    if (file == files.end()) return absl::NotFoundError(path + ": No such file or directory");
    if (self != 0 && (file->second.facts.mode & 0004) == 0)
      return absl::PermissionDeniedError(path + ": Permission denied");
    return file->second.content;
  }
  std::vector<std::string> List(const std::string& folder) const override {
    std::vector<std::string> names;
    for (const auto& [path, file] : files) {
      if (path.starts_with(folder + "/") && path.find('/', folder.size() + 1) == std::string::npos) {
        names.push_back(path.substr(folder.size() + 1));
      }
    }
    return names;
  }
  absl::StatusOr<uint64_t> FreeSpace(const std::string&) const override { return free_space; }
  std::optional<UserFacts> User(const std::string& name) const override {
    const auto user = users.find(name);
    if (user != users.end()) return user->second;
    for (const auto& [other, facts] : users) {
      if (std::to_string(facts.uid) == name) return facts;
    }
    return std::nullopt;
  }
  std::optional<gid_t> Group(const std::string& name) const override {
    const auto group = groups.find(name);
    return group == groups.end() ? std::nullopt : std::optional(group->second);
  }
  uid_t Self() const override { return self; }
  ClockFacts Clock() const override { return clock; }
  bool HasEntropy() const override { return entropy; }
  absl::Status Load(const std::string& library, const std::vector<std::string>&) const override {
    const auto load = loads.find(library);
    return load == loads.end() ? absl::OkStatus() : load->second;
  }
  absl::StatusOr<CommandResult> Run(const std::vector<std::string>& command) const override {
    ran.push_back(command);
    const auto program = programs.find(command.front());
    if (program == programs.end()) return absl::NotFoundError("there is no " + command.front());
    return program->second;
  }
};

}  // namespace ddskey::doctor

#endif  // CLIENT_DOCTOR_FAKE_HOST_H_
