#include "client/cli/private_key_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "client/ca/descriptor.h"
#include "client/ca/openssl.h"
#include "client/ros2/owners_rights.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr size_t kLargest = size_t{16} * 1024;
// PKCS#8 files have 2048 (OpenSSL) to some hundred thousand rounds.
constexpr int64_t kMostRounds = 10'000'000;

absl::Status CannotRead(const std::string& path, const char* why) {
  return absl::FailedPreconditionError(absl::StrCat("cannot read ", path, ": ", why));
}

const char* WhyNot(int error) {
  return error == ELOOP ? "there is a symbolic link on the way: name the file itself" : strerror(error);
}

int OpenBelow(int folder, const std::string& path, uint64_t flags, uint64_t resolve) {
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  return static_cast<int>(syscall(SYS_openat2, folder, path.c_str(), &how, sizeof(how)));
}

absl::StatusOr<SecretBytes> ReadAll(int fd, const std::string& path) {
  ASSIGN_OR_RETURN(SecretBytes buffer, SecretBytes::Allocate(kLargest + 1));
  const std::span<uint8_t> octets = buffer.Reveal(SecretAccess());
  size_t size = 0;
  while (size < octets.size()) {
    const ssize_t got = read(fd, octets.data() + size, octets.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return CannotRead(path, strerror(errno));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size == 0 || size > kLargest) return CannotRead(path, "it has not 1 octet to 16 KiB");
  ASSIGN_OR_RETURN(SecretBytes content, SecretBytes::Allocate(size));
  std::copy_n(octets.begin(), size, content.Reveal(SecretAccess()).begin());
  return content;
}

absl::Status NoKey() {
  ERR_clear_error();
  return absl::InvalidArgumentError("the file holds no PEM private key, or the passphrase is wrong");
}

// Block is a PEM block, erased at the end.
struct Block {
  std::string label;
  std::string der;
  ~Block() { explicit_bzero(der.data(), der.size()); }
};

// FindBlock finds the first PEM block whose label ends with "PRIVATE KEY"; false if there is none.
bool FindBlock(std::string_view pem, Block& found) {
  const ca::OpensslPtr<BIO> in = ca::Reader(pem);
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* octets = nullptr;
  long size = 0;
  bool good = false;
  while (!good && PEM_read_bio(in.get(), &label, &header, &octets, &size) == 1) {
    good = std::string_view(label).ends_with("PRIVATE KEY");
    if (good) {
      found.label = label;
      found.der.assign(reinterpret_cast<char*>(octets), static_cast<size_t>(size));
    }
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_clear_free(octets, static_cast<size_t>(size));
  }
  ERR_clear_error();
  return good;
}

// CheckCost sees how long it would take to derive the key of an encrypted PKCS#8 structure. scrypt is bounded by
// OpenSSL, which gives it no more than 32 MiB.
absl::Status CheckCost(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const ca::OpensslPtr<X509_SIG> sealed(d2i_X509_SIG(nullptr, &at, static_cast<long>(der.size())));
  if (sealed == nullptr) return NoKey();
  const X509_ALGOR* scheme = nullptr;
  X509_SIG_get0(sealed.get(), &scheme, nullptr);
  const ASN1_OBJECT* type = nullptr;
  int kind = 0;
  const void* value = nullptr;
  X509_ALGOR_get0(&type, &kind, &value, scheme);
  if (OBJ_obj2nid(type) != NID_pbes2 || kind != V_ASN1_SEQUENCE) {
    return absl::InvalidArgumentError(
        "the private key is encrypted in an outdated way: convert it with openssl pkcs8 -topk8 -v2 aes-256-cbc");
  }
  const auto* parameters = static_cast<const ASN1_STRING*>(value);
  const unsigned char* content = ASN1_STRING_get0_data(parameters);
  PBE2PARAM* const pbe = d2i_PBE2PARAM(nullptr, &content, ASN1_STRING_length(parameters));
  if (pbe == nullptr) return NoKey();
  absl::Status status;
  if (OBJ_obj2nid(pbe->keyfunc->algorithm) == NID_id_pbkdf2) {
    auto* const derivation =
        static_cast<PBKDF2PARAM*>(ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), pbe->keyfunc->parameter));
    int64_t rounds = kMostRounds + 1;
    if (derivation != nullptr) ASN1_INTEGER_get_int64(&rounds, derivation->iter);
    PBKDF2PARAM_free(derivation);
    if (rounds > kMostRounds) {
      status = absl::ResourceExhaustedError("the private key is encrypted so that opening it takes minutes or more");
    }
  }
  PBE2PARAM_free(pbe);
  return status;
}

struct Asking {
  const std::function<absl::StatusOr<SecretBytes>()>& ask;
  absl::Status failure;
};

int GivePassphrase(char* buffer, int size, int, void* argument) {
  Asking& asking = *static_cast<Asking*>(argument);
  const absl::StatusOr<SecretBytes> passphrase = asking.ask();
  if (!passphrase.ok()) {
    asking.failure = passphrase.status();
    return -1;
  }
  const std::span<const uint8_t> octets = passphrase->Reveal(SecretAccess());
  if (octets.size() > static_cast<size_t>(size)) return -1;
  std::ranges::copy(octets, buffer);
  return static_cast<int>(octets.size());
}

absl::StatusOr<SecretBytes> ToPkcs8(const EVP_PKEY* key) {
  const ca::OpensslPtr<PKCS8_PRIV_KEY_INFO> info(EVP_PKEY2PKCS8(key));
  const int size = info == nullptr ? 0 : i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr);
  if (size <= 0) return NoKey();
  ASSIGN_OR_RETURN(SecretBytes der, SecretBytes::Allocate(static_cast<size_t>(size)));
  unsigned char* at = der.Reveal(SecretAccess()).data();
  if (i2d_PKCS8_PRIV_KEY_INFO(info.get(), &at) != size) return NoKey();
  return der;
}

}  // namespace

absl::StatusOr<SecretBytes> ReadOwnersFile(const std::string& path, bool* others_may_read) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, std::max(slash, size_t{1}));
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  // Whose folder it is must not depend on a link that somebody else made.
  const ca::Descriptor parent(OpenBelow(AT_FDCWD, folder, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS));
  struct stat owner = {};
  if (parent.get() < 0 || fstat(parent.get(), &owner) != 0) return CannotRead(path, WhyNot(errno));
  int fd = -1;
  int error = 0;
  {
    const auto rights = ros2::OwnersRights::Take(owner.st_uid);
    if (!rights.ok()) return CannotRead(path, "its folder is somebody else's");
    fd = OpenBelow(parent.get(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
                   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    error = errno;
  }
  const ca::Descriptor file(fd);
  if (file.get() < 0) return CannotRead(path, WhyNot(error));
  struct stat about = {};
  if (fstat(file.get(), &about) != 0) return CannotRead(path, strerror(errno));
  if (!S_ISREG(about.st_mode)) return CannotRead(path, "it is no regular file");
  if (about.st_uid != owner.st_uid) return CannotRead(path, "it does not belong to the owner of its folder");
  if (others_may_read != nullptr) *others_may_read = (about.st_mode & 077) != 0;
  return ReadAll(file.get(), path);
}

absl::StatusOr<PrivateKeyFile> ParsePrivateKeyFile(const SecretBytes& pem,
                                                   const std::function<absl::StatusOr<SecretBytes>()>& passphrase) {
  const std::span<const uint8_t> octets = pem.Reveal(SecretAccess());
  const std::string_view text(reinterpret_cast<const char*>(octets.data()), octets.size());
  Block block;
  if (!FindBlock(text, block)) return NoKey();
  PrivateKeyFile result;
  if (block.label == "TSS2 PRIVATE KEY") {
    result.tss2 = block.der;
    return result;
  }
  if (block.label == "ENCRYPTED PRIVATE KEY") RETURN_IF_ERROR(CheckCost(block.der));
  Asking asking{passphrase, absl::OkStatus()};
  // The block whose cost was looked at, and no other.
  const size_t begin = text.find("-----BEGIN " + block.label + "-----");
  const std::string end_line = "-----END " + block.label + "-----";
  const size_t end = text.find(end_line, begin);
  if (begin == std::string_view::npos || end == std::string_view::npos) return NoKey();
  const ca::OpensslPtr<BIO> in = ca::Reader(text.substr(begin, end + end_line.size() - begin));
  const ca::OpensslPtr<EVP_PKEY> key(
      PEM_read_bio_PrivateKey_ex(in.get(), nullptr, &GivePassphrase, &asking, ca::Library(), nullptr));
  if (!asking.failure.ok()) {
    ERR_clear_error();
    return asking.failure;
  }
  if (key == nullptr) return NoKey();
  ASSIGN_OR_RETURN(result.pkcs8, ToPkcs8(key.get()));
  return result;
}

}  // namespace ddskey::cli
