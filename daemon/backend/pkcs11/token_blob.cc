#include "daemon/backend/pkcs11/token_blob.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"

namespace ddskey::pkcs11 {
namespace {

constexpr std::string_view kMagic = "DKH1";
constexpr size_t kDigest = 32;
constexpr size_t kLongestId = 64;
// What is in front of the id.
constexpr size_t kHead = kMagic.size() + 3;

absl::Status Damaged() { return absl::DataLossError("what is stored of the key in the token is damaged"); }

// AppendText writes `text` so that where it ends cannot be mistaken.
void AppendText(std::string_view text, std::string& out) {
  out.push_back(static_cast<char>(text.size() >> 8));
  out.push_back(static_cast<char>(text.size()));
  out += text;
}

}  // namespace

std::string DigestOf(std::string_view octets) {
  std::string digest(kDigest, '\0');
  // It fails only without SHA-256; nothing then has the right digest.
  EVP_Digest(octets.data(), octets.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
             nullptr);
  return digest;
}

std::string IdentityOf(const TokenState& state) {
  std::string all;
  for (const std::string* text : {&state.label, &state.serial, &state.manufacturer, &state.model}) {
    AppendText(*text, all);
  }
  return DigestOf(all);
}

std::string FormatBlob(const TokenBlob& blob) {
  std::string out(kMagic);
  out.push_back(static_cast<char>(blob.algorithm));
  out.push_back(static_cast<char>(blob.purpose));
  out.push_back(static_cast<char>(blob.id.size()));
  out += blob.id;
  out += blob.token;
  out += blob.public_key;
  return out + DigestOf(out);
}

absl::StatusOr<TokenBlob> ParseBlob(std::string_view octets) {
  if (!octets.starts_with(kMagic) || octets.size() < kHead) return Damaged();
  const auto algorithm = static_cast<KeyAlgorithm>(octets[kMagic.size()]);
  const auto purpose = static_cast<KeyPurpose>(octets[kMagic.size() + 1]);
  const size_t id = static_cast<uint8_t>(octets[kMagic.size() + 2]);
  if (id == 0 || id > kLongestId || octets.size() != kHead + id + 3 * kDigest) return Damaged();
  const std::string_view digest = octets.substr(octets.size() - kDigest);
  if (DigestOf(octets.substr(0, octets.size() - kDigest)) != digest) return Damaged();
  const bool known = std::ranges::find(kAllAlgorithms, algorithm) != kAllAlgorithms.end() &&
                     (purpose == KeyPurpose::kHandshake || purpose == KeyPurpose::kDigest);
  if (!known) return Damaged();
  return TokenBlob{algorithm, purpose, std::string(octets.substr(kHead, id)),
                   std::string(octets.substr(kHead + id, kDigest)),
                   std::string(octets.substr(kHead + id + kDigest, kDigest))};
}

}  // namespace ddskey::pkcs11
