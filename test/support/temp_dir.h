#ifndef TEST_SUPPORT_TEMP_DIR_H_
#define TEST_SUPPORT_TEMP_DIR_H_

#include <filesystem>
#include <string>

namespace ddskey::test {

// TempDir is a fresh folder directly under /tmp, short enough for unix sockets, removed with its contents at the end.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // File returns the path of `name` in it.
  std::string File(const std::string& name) const { return path_ / name; }
  // Write makes or replaces the file `name` and returns its path.
  std::string Write(const std::string& name, const std::string& content) const;

 private:
  std::filesystem::path path_;
};

// ReadFile returns the content of a file, or an empty string if it cannot be read.
std::string ReadFile(const std::string& path);

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_TEMP_DIR_H_
