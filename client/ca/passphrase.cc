#include "client/ca/passphrase.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::ca {
namespace {

constexpr size_t kLongest = 1024;
constexpr size_t kLongestSecret = 4096;

// Line is a line in the making, in locked memory; one octet more than a passphrase may have.
class Line {
 public:
  static absl::StatusOr<Line> Make(size_t longest = kLongest) {
    ASSIGN_OR_RETURN(SecretBytes octets, SecretBytes::Allocate(longest + 1));
    return Line(std::move(octets));
  }

  // ReadFrom reads up to the end of the line.
  absl::StatusOr<SecretBytes> ReadFrom(int fd, const std::string& from, size_t shortest) {
    ASSIGN_OR_RETURN(size_t size, Fill(fd, from, true));
    const std::span<const uint8_t> octets = octets_.Reveal(SecretAccess());
    if (size > 0 && octets[size - 1] == '\r') --size;
    if (size < shortest || size > kLongest) {
      return absl::InvalidArgumentError(
          absl::StrCat("a passphrase has ", shortest, " to ", kLongest, " characters; that of ", from, " has not"));
    }
    return Take(size);
  }

  // ReadAllFrom reads up to the end.
  absl::StatusOr<SecretBytes> ReadAllFrom(int fd, const std::string& from) {
    ASSIGN_OR_RETURN(const size_t size, Fill(fd, from, false));
    if (size > 0 && size < octets_.size()) return Take(size);
    return absl::InvalidArgumentError(absl::StrCat(from, " has not 1 to ", octets_.size() - 1, " octets"));
  }

 private:
  explicit Line(SecretBytes octets) : octets_(std::move(octets)) {}

  // Fill reads octets, one after the other, and returns how many.
  absl::StatusOr<size_t> Fill(int fd, const std::string& from, bool one_line) {
    const std::span<uint8_t> octets = octets_.Reveal(SecretAccess());
    size_t size = 0;
    while (size < octets.size()) {
      const ssize_t got = read(fd, octets.data() + size, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return absl::FailedPreconditionError(absl::StrCat("cannot read ", from, ": ", std::strerror(errno)));
      if (got == 0 || (one_line && octets[size] == '\n')) break;
      ++size;
    }
    return size;
  }

  absl::StatusOr<SecretBytes> Take(size_t size) {
    ASSIGN_OR_RETURN(SecretBytes taken, SecretBytes::Allocate(size));
    std::copy_n(octets_.Reveal(SecretAccess()).begin(), size, taken.Reveal(SecretAccess()).begin());
    return taken;
  }

  SecretBytes octets_;
};

// Silence keeps a terminal from showing what is typed.
class Silence {
 public:
  explicit Silence(int terminal) : terminal_(terminal), good_(tcgetattr(terminal, &before_) == 0) {
    if (!good_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ECHONL | ICANON;
    good_ = tcsetattr(terminal_, TCSAFLUSH, &silent) == 0;
  }
  ~Silence() {
    if (good_) tcsetattr(terminal_, TCSANOW, &before_);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  bool good() const { return good_; }

 private:
  const int terminal_;
  termios before_ = {};
  bool good_;
};

// ReadOwn reads, with `read`, a file that nobody else may read.
template <typename Read>
absl::StatusOr<SecretBytes> ReadOwn(const std::string& path, Read read) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return absl::FailedPreconditionError(absl::StrCat("cannot read ", path, ": ", std::strerror(errno)));
  struct stat about = {};
  absl::StatusOr<SecretBytes> secret = absl::PermissionDeniedError(absl::StrCat(
      path, " must belong to the user who runs this, or to root, and be closed to others: chmod 600 ", path));
  if (fstat(fd, &about) == 0 && (about.st_uid == geteuid() || about.st_uid == 0) && (about.st_mode & 077) == 0) {
    secret = read(fd);
  }
  close(fd);
  return secret;
}

}  // namespace

absl::StatusOr<SecretBytes> ReadPassphraseFile(const std::string& path, size_t shortest) {
  return ReadOwn(path, [&](int fd) -> absl::StatusOr<SecretBytes> {
    ASSIGN_OR_RETURN(Line line, Line::Make());
    return line.ReadFrom(fd, path, shortest);
  });
}

absl::StatusOr<SecretBytes> ReadSecretFile(const std::string& path) {
  return ReadOwn(path, [&](int fd) -> absl::StatusOr<SecretBytes> {
    ASSIGN_OR_RETURN(Line line, Line::Make(kLongestSecret));
    return line.ReadAllFrom(fd, path);
  });
}

absl::StatusOr<SecretBytes> PromptPassphrase(int terminal, std::string_view question, size_t shortest) {
  const Silence silence(terminal);
  if (!silence.good()) {
    return absl::FailedPreconditionError("there is no terminal to ask for the passphrase at: give --passphrase-file");
  }
  while (!question.empty()) {
    const ssize_t put = write(terminal, question.data(), question.size());
    if (put < 0 && errno != EINTR) break;
    if (put > 0) question.remove_prefix(static_cast<size_t>(put));
  }
  ASSIGN_OR_RETURN(Line line, Line::Make());
  return line.ReadFrom(terminal, "the terminal", shortest);
}

}  // namespace ddskey::ca
