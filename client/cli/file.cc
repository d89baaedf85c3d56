#include "client/cli/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "client/ca/descriptor.h"

namespace ddskey::cli {
namespace {

using ca::Descriptor;

constexpr size_t kMaxCertificates = size_t{64} * 1024;
constexpr size_t kMaxDocument = size_t{64} * 1024;
constexpr size_t kMaxPermissions = size_t{64} * 1024;
constexpr size_t kMaxOcspResponse = size_t{16} * 1024;
constexpr size_t kMaxBackup = size_t{1} << 30;
constexpr size_t kMaxLists = size_t{8} * 1024 * 1024;

absl::Status FromErrno(std::string_view doing, const std::string& path, int error) {
  const std::string message = std::string(doing) + " " + path + ": " + std::strerror(error);
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message + "; remove it first, or choose another name");
    default:
      return absl::FailedPreconditionError(message);
  }
}

// Kinds of files that are read.
enum class Source { kAny, kRegular };

absl::StatusOr<std::string> ReadBounded(const std::string& path, size_t limit, Source source = Source::kAny) {
  // A pipe in somebody's folder must not hold up who reads it (S-14).
  const int flags = source == Source::kRegular ? O_NONBLOCK : 0;
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | flags));
  if (file.get() < 0) return FromErrno("cannot read", path, errno);
  struct stat about = {};
  if (source == Source::kRegular && (fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode))) {
    return absl::InvalidArgumentError(path + " is no regular file");
  }
  std::string content;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t got = read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FromErrno("cannot read", path, errno);
    if (got == 0) return content;
    content.append(buffer.data(), static_cast<size_t>(got));
    if (content.size() > limit) {
      return absl::InvalidArgumentError(path + " is larger than " + std::to_string(limit / 1024) + " KiB");
    }
  }
}

// Kind is what a file should hold: in words, by its PEM label, and the command of openssl that converts it.
struct Kind {
  std::string words;
  std::string label;
  std::string converter;
};

// ReadPublic reads a file that may travel to the daemon.
absl::StatusOr<std::string> ReadPublic(const std::string& path, size_t limit, const Kind& kind) {
  auto content = ReadBounded(path, limit, Source::kRegular);
  if (!content.ok()) return content;
  if (content->find("PRIVATE KEY-----") != std::string::npos) {
    return absl::InvalidArgumentError(path + " holds a private key; give a file with the " + kind.words + " alone");
  }
  if (content->find("-----BEGIN " + kind.label + "-----") == std::string::npos) {
    return absl::InvalidArgumentError(path + " holds no PEM " + kind.words + "; convert DER with: openssl " +
                                      kind.converter + " -inform DER -in " + path);
  }
  return content;
}

}  // namespace

absl::StatusOr<std::string> ReadCertificates(const std::string& path) {
  return ReadPublic(path, kMaxCertificates, {"certificate", "CERTIFICATE", "x509"});
}

absl::StatusOr<std::string> ReadRevocationLists(const std::string& path) {
  return ReadPublic(path, kMaxLists, {"certificate revocation list", "X509 CRL", "crl"});
}

absl::StatusOr<std::string> ReadPermissions(const std::string& path) {
  auto content = ReadBounded(path, kMaxPermissions, Source::kRegular);
  if (!content.ok()) return content;
  if (content->find("PRIVATE KEY-----") != std::string::npos || content->find("MIME-Version:") == std::string::npos) {
    return absl::InvalidArgumentError(path + " is no signed permissions document (S/MIME, usually *.p7s)");
  }
  return content;
}

absl::StatusOr<std::string> ReadDocument(const std::string& path) { return ReadBounded(path, kMaxDocument); }

absl::StatusOr<std::string> ReadLargeDocument(const std::string& path) { return ReadBounded(path, kMaxLists); }

absl::StatusOr<std::string> ReadOcspResponse(const std::string& path) {
  auto content = ReadBounded(path, kMaxOcspResponse);
  if (!content.ok()) return content;
  // The tag of a SEQUENCE.
  if (!content->starts_with('\x30')) {
    return absl::InvalidArgumentError(path + " is no OCSP response in DER, as openssl ocsp -respout FILE writes it");
  }
  return content;
}

absl::StatusOr<std::string> ReadBackup(const std::string& path) { return ReadBounded(path, kMaxBackup); }

absl::Status WriteNewFile(const std::string& path, std::string_view content, unsigned mode) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (file.get() < 0) return FromErrno("cannot make", path, errno);
  while (!content.empty()) {
    const ssize_t put = write(file.get(), content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      const int error = errno;
      unlink(path.c_str());
      return FromErrno("cannot write", path, error);
    }
    content.remove_prefix(static_cast<size_t>(put));
  }
  return absl::OkStatus();
}

}  // namespace ddskey::cli
