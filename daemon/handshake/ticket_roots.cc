#include "daemon/handshake/ticket_roots.h"

#include <openssl/rand.h>
#include <time.h>

#include <array>
#include <cstring>
#include <fstream>
#include <utility>

#include "daemon/handshake/digest.h"
#include "proto/contract/secret_access.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

constexpr size_t kSecretSize = 32;
constexpr std::array<uint8_t, 8> kMagic = {'d', 'd', 's', 'k', 'r', 't', '0', '1'};
constexpr size_t kBootDigestSize = 32;
constexpr size_t kRecordSize = 8 + 8 + kSecretSize;
constexpr size_t kRecords = 3;
constexpr size_t kSize = kMagic.size() + kBootDigestSize + kRecords * kRecordSize;

absl::StatusOr<std::shared_ptr<const TicketRoot>> MakeRoot(absl::Duration now) {
  ASSIGN_OR_RETURN(SecretBytes secret, SecretBytes::Allocate(kSecretSize));
  uint64_t id = 0;
  if (RAND_priv_bytes(secret.Reveal(SecretAccess()).data(), kSecretSize) != 1 ||
      RAND_bytes(reinterpret_cast<unsigned char*>(&id), sizeof id) != 1) {
    return absl::InternalError("no random numbers for a ticket root");
  }
  return std::make_shared<const TicketRoot>(TicketRoot{id, now, std::move(secret)});
}

void Put(uint8_t*& to, const void* from, size_t size) {
  std::memcpy(to, from, size);
  to += size;
}

void PutRecord(uint8_t*& to, const TicketRoot& root) {
  const int64_t created = absl::ToInt64Nanoseconds(root.created);
  Put(to, &root.id, sizeof root.id);
  Put(to, &created, sizeof created);
  Put(to, root.secret.Reveal(SecretAccess()).data(), kSecretSize);
}

std::shared_ptr<const TicketRoot> GetRecord(const uint8_t*& from) {
  auto secret = SecretBytes::Allocate(kSecretSize);
  if (!secret.ok()) return nullptr;
  uint64_t id = 0;
  int64_t created = 0;
  std::memcpy(&id, from, sizeof id);
  std::memcpy(&created, from + sizeof id, sizeof created);
  std::memcpy(secret->Reveal(SecretAccess()).data(), from + sizeof id + sizeof created, kSecretSize);
  from += kRecordSize;
  return std::make_shared<const TicketRoot>(TicketRoot{id, absl::Nanoseconds(created), *std::move(secret)});
}

}  // namespace

absl::StatusOr<std::unique_ptr<TicketRoots>> TicketRoots::Open(std::unique_ptr<RootStorage> storage,
                                                               std::string boot_id, Clock clock) {
  std::unique_ptr<TicketRoots> roots(new TicketRoots(std::move(storage), std::move(boot_id), std::move(clock)));
  RETURN_IF_ERROR(roots->LoadOrMake());
  return roots;
}

absl::Status TicketRoots::LoadOrMake() {
  ASSIGN_OR_RETURN(const std::optional<SecretBytes> content, storage_->Load());
  if (content.has_value() && Decode(*content)) return absl::OkStatus();
  const absl::Duration now = clock_();
  ASSIGN_OR_RETURN(identities_, MakeRoot(now));
  ASSIGN_OR_RETURN(current_, MakeRoot(now));
  ASSIGN_OR_RETURN(previous_, MakeRoot(now));
  return SaveLocked();
}

bool TicketRoots::Decode(const SecretBytes& content) {
  const std::span<const uint8_t> octets = content.Reveal(SecretAccess());
  if (octets.size() != kSize || std::memcmp(octets.data(), kMagic.data(), kMagic.size()) != 0) return false;
  if (std::memcmp(octets.data() + kMagic.size(), Sha256(boot_id_).data(), kBootDigestSize) != 0) return false;
  const uint8_t* from = octets.data() + kMagic.size() + kBootDigestSize;
  identities_ = GetRecord(from);
  current_ = GetRecord(from);
  previous_ = GetRecord(from);
  if (identities_ == nullptr || current_ == nullptr || previous_ == nullptr) return false;
  // Roots are found by their numbers; the same twice are not what was saved.
  return identities_->id != current_->id && identities_->id != previous_->id && current_->id != previous_->id;
}

absl::Status TicketRoots::SaveLocked() {
  ASSIGN_OR_RETURN(SecretBytes content, SecretBytes::Allocate(kSize));
  uint8_t* to = content.Reveal(SecretAccess()).data();
  Put(to, kMagic.data(), kMagic.size());
  Put(to, Sha256(boot_id_).data(), kBootDigestSize);
  PutRecord(to, *identities_);
  PutRecord(to, *current_);
  PutRecord(to, *previous_);
  return storage_->Save(content);
}

absl::Status TicketRoots::RotateLocked() {
  ASSIGN_OR_RETURN(std::shared_ptr<const TicketRoot> fresh, MakeRoot(clock_()));
  previous_ = std::exchange(current_, std::move(fresh));
  return SaveLocked();
}

std::shared_ptr<const TicketRoot> TicketRoots::ForIdentities() const {
  const std::lock_guard lock(mutex_);
  return identities_;
}

absl::StatusOr<std::shared_ptr<const TicketRoot>> TicketRoots::Current() {
  const std::lock_guard lock(mutex_);
  if (clock_() - current_->created >= kLifetime) RETURN_IF_ERROR(RotateLocked());
  return current_;
}

std::shared_ptr<const TicketRoot> TicketRoots::Find(uint64_t id) const {
  const std::lock_guard lock(mutex_);
  for (const auto& root : {current_, previous_, identities_}) {
    if (root->id == id) return root;
  }
  return nullptr;
}

std::string BootId() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

absl::Duration TimeSinceBoot() {
  timespec now = {};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}

}  // namespace ddskey
