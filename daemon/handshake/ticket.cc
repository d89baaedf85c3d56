#include "daemon/handshake/ticket.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "daemon/handshake/field_codec.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kSaltSize = 32;
constexpr size_t kKeySize = 32;
constexpr size_t kTagSize = 16;
constexpr size_t kMaxBody = size_t{1} << 20;
constexpr size_t kMaxSecret = 1024;

// The clear part of a ticket; the rest is ciphertext of body and secret, then the tag.
struct Header {
  uint8_t version;
  uint8_t kind;
  uint16_t secret_size;
  uint32_t body_size;
  uint64_t root_id;
  int64_t sealed_at;  // nanoseconds since boot
  std::array<uint8_t, kSaltSize> salt;
};
static_assert(sizeof(Header) == 56, "the header has no padding");

struct CipherDeleter {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherCtx = std::unique_ptr<EVP_CIPHER_CTX, CipherDeleter>;

bool IsHandshake(TicketKind kind) { return kind != TicketKind::kIdentity && kind != TicketKind::kPeer; }

// Derive makes the key of one ticket. The algorithm is fetched once: a fetch costs more than the derivation.
absl::StatusOr<SecretBytes> DeriveKey(const TicketRoot& root, const Header& header) {
  static EVP_KDF* const hkdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  ASSIGN_OR_RETURN(SecretBytes key, SecretBytes::Allocate(kKeySize));
  std::string label = "ddskey ticket ";
  label.push_back(static_cast<char>(header.kind));
  char hash[] = "SHA256";
  const std::span<const uint8_t> secret = root.secret.Reveal(SecretAccess());
  std::array<OSSL_PARAM, 5> params = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<uint8_t*>(secret.data()), secret.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, const_cast<uint8_t*>(header.salt.data()), kSaltSize),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, label.data(), label.size()), OSSL_PARAM_construct_end()};
  EVP_KDF_CTX* context = hkdf == nullptr ? nullptr : EVP_KDF_CTX_new(hkdf);
  const bool derived =
      context != nullptr && EVP_KDF_derive(context, key.Reveal(SecretAccess()).data(), kKeySize, params.data()) == 1;
  EVP_KDF_CTX_free(context);
  if (!derived) return absl::InternalError("OpenSSL failed deriving a ticket key");
  return key;
}

// AuthenticatedData is everything a ticket is bound to, unambiguously.
std::string AuthenticatedData(const Header& header, std::string_view instance, const TicketBinding& binding) {
  FieldWriter writer;
  writer.Put({reinterpret_cast<const char*>(&header), sizeof header});
  writer.Put(instance);
  writer.Put(binding.caller);
  writer.Put(binding.participant);
  return writer.Take();
}

const unsigned char* Octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* Octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

CipherCtx StartCipher(const SecretBytes& key, std::string_view authenticated, bool encrypt) {
  // One key is used for one ticket, so the nonce is constant.
  static constexpr std::array<uint8_t, 12> kNonce = {};
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  CipherCtx context(EVP_CIPHER_CTX_new());
  int unused = 0;
  if (context == nullptr || cipher == nullptr ||
      EVP_CipherInit_ex2(context.get(), cipher, key.Reveal(SecretAccess()).data(), kNonce.data(), encrypt ? 1 : 0,
                         nullptr) != 1 ||
      EVP_CipherUpdate(context.get(), nullptr, &unused, Octets(authenticated),
                       static_cast<int>(authenticated.size())) != 1) {
    return nullptr;
  }
  return context;
}

}  // namespace

absl::Status CannotOpen() {
  return absl::FailedPreconditionError(
      "the ticket cannot be opened: it is too old, was altered, or belongs to another step, process or daemon");
}

TicketSealer::TicketSealer(TicketRoots& roots, std::string instance) : roots_(roots), instance_(std::move(instance)) {}

absl::StatusOr<std::string> TicketSealer::Seal(TicketKind kind, const TicketBinding& binding, std::string_view body,
                                               const SecretBytes* secret) const {
  const size_t secret_size = secret == nullptr ? 0 : secret->size();
  if (body.size() > kMaxBody || secret_size > kMaxSecret) return absl::InvalidArgumentError("too much for a ticket");
  std::shared_ptr<const TicketRoot> root = roots_.ForIdentities();
  if (IsHandshake(kind)) {
    ASSIGN_OR_RETURN(root, roots_.Current());
  }
  Header header = {.version = kVersion,
                   .kind = static_cast<uint8_t>(kind),
                   .secret_size = static_cast<uint16_t>(secret_size),
                   .body_size = static_cast<uint32_t>(body.size()),
                   .root_id = root->id,
                   .sealed_at = absl::ToInt64Nanoseconds(roots_.Now()),
                   .salt = {}};
  if (RAND_bytes(header.salt.data(), kSaltSize) != 1) return absl::InternalError("no random numbers for a ticket");
  ASSIGN_OR_RETURN(const SecretBytes key, DeriveKey(*root, header));
  const CipherCtx context = StartCipher(key, AuthenticatedData(header, instance_, binding), true);

  std::string ticket(sizeof header + body.size() + secret_size + kTagSize, '\0');
  std::memcpy(ticket.data(), &header, sizeof header);
  unsigned char* out = Octets(ticket) + sizeof header;
  int wrote = 0;
  const std::span<const uint8_t> hidden =
      secret == nullptr ? std::span<const uint8_t>() : secret->Reveal(SecretAccess());
  if (context == nullptr ||
      EVP_EncryptUpdate(context.get(), out, &wrote, Octets(body), static_cast<int>(body.size())) != 1 ||
      (!hidden.empty() && EVP_EncryptUpdate(context.get(), out + body.size(), &wrote, hidden.data(),
                                            static_cast<int>(hidden.size())) != 1) ||
      EVP_EncryptFinal_ex(context.get(), out + body.size() + secret_size, &wrote) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, out + body.size() + secret_size) != 1) {
    return absl::InternalError("OpenSSL failed sealing a ticket");
  }
  return ticket;
}

absl::StatusOr<OpenedTicket> TicketSealer::Open(TicketKind kind, const TicketBinding& binding,
                                                std::string_view ticket) const {
  Header header = {};
  if (ticket.size() < sizeof header + kTagSize) return CannotOpen();
  std::memcpy(&header, ticket.data(), sizeof header);
  if (header.version != kVersion || header.kind != static_cast<uint8_t>(kind) || header.body_size > kMaxBody ||
      header.secret_size > kMaxSecret ||
      ticket.size() != sizeof header + header.body_size + header.secret_size + kTagSize) {
    return CannotOpen();
  }
  const std::shared_ptr<const TicketRoot> root = roots_.Find(header.root_id);
  const bool lasting = root != nullptr && root == roots_.ForIdentities();
  if (root == nullptr || lasting == IsHandshake(kind)) return CannotOpen();

  ASSIGN_OR_RETURN(const SecretBytes key, DeriveKey(*root, header));
  const CipherCtx context = StartCipher(key, AuthenticatedData(header, instance_, binding), false);
  if (context == nullptr) return absl::InternalError("OpenSSL failed opening a ticket");
  OpenedTicket opened;
  opened.body.resize(header.body_size);
  const std::string_view sealed = ticket.substr(sizeof header);
  std::string tag(sealed.substr(sealed.size() - kTagSize));
  int wrote = 0;
  bool good = EVP_DecryptUpdate(context.get(), Octets(opened.body), &wrote, Octets(sealed),
                                static_cast<int>(header.body_size)) == 1;
  if (header.secret_size > 0) {
    ASSIGN_OR_RETURN(opened.secret, SecretBytes::Allocate(header.secret_size));
    good = good && EVP_DecryptUpdate(context.get(), opened.secret->Reveal(SecretAccess()).data(), &wrote,
                                     Octets(sealed.substr(header.body_size)), header.secret_size) == 1;
  }
  std::array<unsigned char, 16> rest = {};
  good = good && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1 &&
         EVP_DecryptFinal_ex(context.get(), rest.data(), &wrote) == 1;
  // The age counts only once the ticket is known to be ours.
  const absl::Duration age = roots_.Now() - absl::Nanoseconds(header.sealed_at);
  if (!good || (IsHandshake(kind) && (age > TicketRoots::kLifetime || age < absl::ZeroDuration()))) return CannotOpen();
  return opened;
}

std::optional<TicketKind> TicketSealer::Peek(std::string_view ticket) {
  if (ticket.size() < sizeof(Header) || ticket[0] != kVersion) return std::nullopt;
  const auto kind = static_cast<uint8_t>(ticket[1]);
  if (kind < static_cast<uint8_t>(TicketKind::kIdentity) || kind > static_cast<uint8_t>(TicketKind::kSignFinal)) {
    return std::nullopt;
  }
  return static_cast<TicketKind>(kind);
}

}  // namespace ddskey
