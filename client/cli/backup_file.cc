#include "client/cli/backup_file.h"

#include <openssl/evp.h>

#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace ddskey::cli {
namespace {

constexpr std::string_view kFirstLine = "ddskeyd backup 1\n";
constexpr size_t kDigest = 64;

std::string Sha256Hex(std::string_view octets) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest = {};
  size_t size = 0;
  if (EVP_Q_digest(nullptr, "SHA256", nullptr, octets.data(), octets.size(), digest.data(), &size) != 1) return "";
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest.data()), size));
}

}  // namespace

std::string EncodeBackup(const v1::Backup& backup) {
  const std::string octets = backup.SerializeAsString();
  return std::string(kFirstLine) + Sha256Hex(octets) + "\n" + octets;
}

std::string DigestOf(std::string_view content) {
  const size_t head = kFirstLine.size() + kDigest + 1;
  if (!content.starts_with(kFirstLine) || content.size() < head || content[head - 1] != '\n') return "";
  return std::string(content.substr(kFirstLine.size(), kDigest));
}

absl::StatusOr<v1::Backup> DecodeBackup(std::string_view content) {
  const std::string digest = DigestOf(content);
  if (digest.empty()) return absl::InvalidArgumentError("this is no backup, or one of a later version");
  content.remove_prefix(kFirstLine.size() + kDigest + 1);
  v1::Backup backup;
  if (Sha256Hex(content) != digest || !backup.ParseFromArray(content.data(), static_cast<int>(content.size()))) {
    return absl::InvalidArgumentError("this backup is damaged: its SHA-256 is another than it says");
  }
  return backup;
}

}  // namespace ddskey::cli
