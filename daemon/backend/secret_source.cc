#include "daemon/backend/secret_source.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr size_t kSize = 32;

// Descriptor closes a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

absl::Status Failed(const std::string& doing) {
  return absl::FailedPreconditionError(absl::StrCat(doing, ": ", std::strerror(errno)));
}

// Sizes is how many octets a file may have.
struct Sizes {
  size_t shortest;
  size_t longest;
};
constexpr Sizes kSecretSizes = {32, 4096};
// With the newline that may follow it.
constexpr Sizes kAuthSizes = {1, 65};

// CheckFile refuses a file that another user could have written or read. A credential belongs to systemd, which may let
// us read it through an access control list, that is with the group's bits.
absl::Status CheckFile(const std::string& path, const struct stat& file, bool is_credential, const Sizes& sizes) {
  if (!S_ISREG(file.st_mode)) return absl::FailedPreconditionError(absl::StrCat(path, " is not a regular file"));
  if (file.st_uid != geteuid() && file.st_uid != 0) {
    return absl::FailedPreconditionError(absl::StrCat(path, " belongs to another user; chown it to the daemon's"));
  }
  if ((file.st_mode & (is_credential ? 0027 : 0077)) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is open to other users; chmod it to 0600"));
  }
  if (file.st_size < static_cast<off_t>(sizes.shortest) || file.st_size > static_cast<off_t>(sizes.longest)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " has ", file.st_size, " octets; it should have ", sizes.shortest, " to ", sizes.longest));
  }
  return absl::OkStatus();
}

absl::StatusOr<SecretBytes> Hash(std::span<const uint8_t> content) {
  ASSIGN_OR_RETURN(SecretBytes secret, SecretBytes::Allocate(kSize));
  if (EVP_Digest(content.data(), content.size(), secret.Reveal(SecretAccess()).data(), nullptr, EVP_sha256(),
                 nullptr) != 1) {
    return absl::InternalError("hashing a secret failed in OpenSSL");
  }
  return secret;
}

// Read returns NOT_FOUND if there is no file.
absl::StatusOr<SecretBytes> Read(const std::string& path, bool is_credential, const Sizes& sizes) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd.get() < 0) {
    if (errno == ENOENT) return absl::NotFoundError(path);
    return Failed(absl::StrCat("cannot open ", path));
  }
  struct stat file = {};
  if (fstat(fd.get(), &file) != 0) return Failed(absl::StrCat("cannot look at ", path));
  RETURN_IF_ERROR(CheckFile(path, file, is_credential, sizes));
  ASSIGN_OR_RETURN(SecretBytes content, SecretBytes::Allocate(file.st_size));
  const std::span<uint8_t> octets = content.Reveal(SecretAccess());
  size_t got = 0;
  while (got < octets.size()) {
    const ssize_t n = read(fd.get(), octets.data() + got, octets.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed(absl::StrCat("cannot read ", path));
    if (n == 0) return absl::FailedPreconditionError(absl::StrCat(path, " changed while it was read"));
    got += n;
  }
  return content;
}

// ReadSecretFile is Read for a secret of which 32 octets are wanted.
absl::StatusOr<SecretBytes> ReadSecretFile(const std::string& path) {
  ASSIGN_OR_RETURN(const SecretBytes content, Read(path, false, kSecretSizes));
  return Hash(content.Reveal(SecretAccess()));
}

constexpr std::string_view kOurs = "ddskeyd.";
// What systemd puts in front of the name of a file that it took from a folder: LoadCredential=PREFIX:FOLDER.
constexpr std::array<std::string_view, 2> kFolders = {"ddskeyd_", "ddskeyd.plain_"};

// Credential is the content of a credential and the name that systemd gave it.
struct Credential {
  std::string name;
  SecretBytes content;
};

absl::StatusOr<std::optional<Credential>> ReadCredential(const std::string& directory, const std::string& name,
                                                         const Sizes& sizes) {
  if (directory.empty()) return std::nullopt;
  std::vector<std::string> names = {name};
  if (name.starts_with(kOurs)) {
    for (const std::string_view folder : kFolders) names.push_back(std::string(folder) + name.substr(kOurs.size()));
  }
  for (std::string& candidate : names) {
    auto content = Read(directory + "/" + candidate, true, sizes);
    if (absl::IsNotFound(content.status())) continue;
    RETURN_IF_ERROR(content.status());
    return Credential{std::move(candidate), *std::move(content)};
  }
  return std::nullopt;
}

absl::Status WriteRandom(int fd) {
  ASSIGN_OR_RETURN(SecretBytes content, SecretBytes::Allocate(kSize));
  const std::span<uint8_t> octets = content.Reveal(SecretAccess());
  if (getrandom(octets.data(), octets.size(), 0) != static_cast<ssize_t>(octets.size())) {
    return Failed("cannot get random octets");
  }
  if (write(fd, octets.data(), octets.size()) != static_cast<ssize_t>(octets.size()) || fsync(fd) != 0) {
    return Failed("cannot write a new secret");
  }
  return absl::OkStatus();
}

// Make makes the file under another name, and gives it its own when it is complete and on the disk. That another daemon
// was faster is not an error.
absl::Status Make(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path();
  const Descriptor parent(open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.get() < 0) return Failed(absl::StrCat("cannot open the folder of ", path));
  const std::string name = std::filesystem::path(path).filename();
  uint64_t random = 0;
  if (getrandom(&random, sizeof(random), 0) != sizeof(random)) return Failed("cannot get random octets");
  const std::string unfinished = absl::StrCat(".", name, ".", absl::Hex(random, absl::kZeroPad16));
  const Descriptor fd(
      openat(parent.get(), unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.get() < 0) return Failed(absl::StrCat("cannot make ", path));
  absl::Status status = WriteRandom(fd.get());
  if (status.ok() && renameat2(parent.get(), unfinished.c_str(), parent.get(), name.c_str(), RENAME_NOREPLACE) != 0 &&
      errno != EEXIST) {
    status = Failed(absl::StrCat("cannot name ", path));
  }
  // Gone already if it has its name.
  unlinkat(parent.get(), unfinished.c_str(), 0);
  if (status.ok() && fsync(parent.get()) != 0) status = Failed(absl::StrCat("cannot sync the folder of ", path));
  return status;
}

}  // namespace

absl::StatusOr<HostSecret> LoadSecret(const SecretSource& source) {
  ASSIGN_OR_RETURN(std::optional<HostSecret> credential, FindSecret(source.credentials_directory, source.credential));
  if (credential.has_value()) return *std::move(credential);
  auto secret = ReadSecretFile(source.file);
  if (absl::IsNotFound(secret.status()) && source.is_needed) {
    return absl::NotFoundError(absl::StrCat("the secret is gone: neither the credential ", source.credential, " nor ",
                                            source.file, " is there, and keys were sealed under it; restore it"));
  }
  if (absl::IsNotFound(secret.status())) {
    RETURN_IF_ERROR(Make(source.file));
    secret = ReadSecretFile(source.file);
  }
  if (!secret.ok()) return secret.status();
  return HostSecret{*std::move(secret), "the file " + source.file, false};
}

absl::StatusOr<SecretBytes> HashedSecret(const SecretBytes& content) {
  if (content.size() < kSecretSizes.shortest || content.size() > kSecretSizes.longest) {
    return absl::InvalidArgumentError(absl::StrCat("this value has ", content.size(), " octets; it should have ",
                                                   kSecretSizes.shortest, " to ", kSecretSizes.longest));
  }
  return Hash(content.Reveal(SecretAccess()));
}

absl::StatusOr<std::optional<HostSecret>> FindSecret(const std::string& directory, const std::string& name) {
  ASSIGN_OR_RETURN(const std::optional<Credential> found, ReadCredential(directory, name, kSecretSizes));
  if (!found.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(SecretBytes secret, Hash(found->content.Reveal(SecretAccess())));
  return HostSecret{std::move(secret), "the systemd credential " + found->name, true};
}

absl::StatusOr<std::optional<SecretBytes>> FindAuthValue(const std::string& directory, const std::string& name) {
  ASSIGN_OR_RETURN(const std::optional<Credential> found, ReadCredential(directory, name, kAuthSizes));
  if (!found.has_value()) return std::nullopt;
  std::span<const uint8_t> octets = found->content.Reveal(SecretAccess());
  if (octets.back() == '\n') octets = octets.first(octets.size() - 1);
  if (octets.empty() || octets.size() >= kAuthSizes.longest) {
    return absl::FailedPreconditionError(absl::StrCat("the systemd credential ", found->name, " has ", octets.size(),
                                                      " octets; it should have 1 to 64"));
  }
  ASSIGN_OR_RETURN(SecretBytes value, SecretBytes::Allocate(octets.size()));
  std::copy(octets.begin(), octets.end(), value.Reveal(SecretAccess()).begin());
  return value;
}

}  // namespace ddskey
