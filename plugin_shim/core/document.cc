#include "plugin_shim/core/document.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace ddskey {
namespace {

constexpr std::string_view kFile = "file:";
constexpr std::string_view kData = "data:,";
constexpr size_t kMostFiles = 100;

std::string ErrorText(int error) {
  char text[128];
  return strerror_r(error, text, sizeof(text));
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  const int number_;
};

std::string PathOf(std::string_view uri) {
  if (uri.starts_with(kFile)) uri.remove_prefix(kFile.size());
  if (uri.starts_with("///")) uri.remove_prefix(2);
  return std::string(uri);
}

std::optional<std::string> ReadFile(const std::string& path, size_t limit, std::string* error) {
  // O_NONBLOCK: a FIFO in place of the file must not hold up the host.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status;
  if (file.number() < 0 || fstat(file.number(), &status) != 0) {
    *error = "cannot read " + path + ": " + ErrorText(errno);
    return std::nullopt;
  }
  if (!S_ISREG(status.st_mode)) {
    *error = path + " is not a regular file";
    return std::nullopt;
  }
  std::string content(limit + 1, '\0');
  size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = read(file.number(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      *error = "cannot read " + path + ": " + ErrorText(errno);
      return std::nullopt;
    }
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > limit) {
    *error = path + " is larger than " + std::to_string(limit) + " octets";
    return std::nullopt;
  }
  content.resize(size);
  return content;
}

}  // namespace

std::optional<std::string> ReadDocument(std::string_view uri, size_t limit, std::string* error) {
  if (uri.starts_with(kFile)) return ReadFile(PathOf(uri), limit, error);
  if (!uri.starts_with(kData)) {
    *error = "it is neither a file: nor a data:, document";
    return std::nullopt;
  }
  uri.remove_prefix(kData.size());
  if (uri.size() > limit) {
    *error = "its data: document is larger than " + std::to_string(limit) + " octets";
    return std::nullopt;
  }
  return std::string(uri);
}

std::optional<std::vector<std::string>> ReadFolder(std::string_view folder, size_t limit, std::string* error) {
  const std::string path = PathOf(folder);
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(opendir(path.c_str()), &closedir);
  if (listing == nullptr) {
    *error = "cannot read the folder " + path + ": " + ErrorText(errno);
    return std::nullopt;
  }
  std::vector<std::string> names;
  while (const dirent* const entry = readdir(listing.get())) {
    const std::string name = entry->d_name;
    struct stat status;
    if (stat((path + "/" + name).c_str(), &status) == 0 && S_ISREG(status.st_mode)) names.push_back(name);
    if (names.size() > kMostFiles) {
      *error = path + " has more than " + std::to_string(kMostFiles) + " files";
      return std::nullopt;
    }
  }
  std::sort(names.begin(), names.end());
  std::vector<std::string> documents;
  for (const std::string& name : names) {
    std::optional<std::string> document = ReadFile(path + "/" + name, limit, error);
    if (!document) return std::nullopt;
    limit -= document->size();
    documents.push_back(*std::move(document));
  }
  return documents;
}

}  // namespace ddskey
