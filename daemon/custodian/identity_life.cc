#include "daemon/custodian/identity_life.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ddskey {
namespace {

KeyGeneration& In(Identity& identity, const std::string& uuid) {
  return *std::ranges::find(identity.generations, uuid, &KeyGeneration::uuid);
}

// Replace makes `uuid` current in the place of the one that is.
void Replace(Identity& identity, const std::string& uuid, absl::Time now) {
  KeyGeneration& before = In(identity, identity.current().uuid);
  before.state = GenerationState::kOld;
  before.replaced = now;
  KeyGeneration& after = In(identity, uuid);
  after.state = GenerationState::kCurrent;
  after.replaced = absl::InfinitePast();
}

absl::Status NoNext(const Identity& identity) {
  return absl::FailedPreconditionError(absl::StrCat("\"", identity.name.text(),
                                                    "\" has no next generation; begin with: ddskeyctl identity renew ",
                                                    identity.name.text()));
}

}  // namespace

absl::StatusOr<Identity> WithNext(const Identity& identity, KeyGeneration generation) {
  if (identity.next() != nullptr) {
    return absl::AlreadyExistsError(absl::StrCat(
        "\"", identity.name.text(), "\" has a next generation already; give it up with: ddskeyctl identity renew ",
        identity.name.text(), " --abandon"));
  }
  Identity changed = identity;
  while (changed.generations.size() >= kMostGenerations) {
    const auto first = std::ranges::min_element(changed.generations, {}, [](const KeyGeneration& old) {
      return old.state == GenerationState::kOld ? old.replaced : absl::InfiniteFuture();
    });
    changed.generations.erase(first);
  }
  generation.state = GenerationState::kNext;
  generation.number = changed.generations.back().number + 1;
  generation.purpose = identity.current().purpose;
  changed.generations.push_back(std::move(generation));
  return changed;
}

absl::StatusOr<Identity> WithoutNext(const Identity& identity) {
  if (identity.next() == nullptr) return NoNext(identity);
  return Without(identity, identity.next()->uuid);
}

absl::StatusOr<Identity> Switched(const Identity& identity, const std::string& chain, absl::Time now) {
  if (identity.next() == nullptr) return NoNext(identity);
  Identity changed = identity;
  const std::string uuid = identity.next()->uuid;
  In(changed, uuid).certificate_chain = chain;
  Replace(changed, uuid, now);
  return changed;
}

const KeyGeneration* LastReplaced(const Identity& identity) {
  const KeyGeneration* last = nullptr;
  for (const KeyGeneration& generation : identity.generations) {
    if (generation.state != GenerationState::kOld) continue;
    if (last == nullptr || generation.replaced > last->replaced) last = &generation;
  }
  return last;
}

absl::StatusOr<Identity> RolledBack(const Identity& identity, absl::Time now) {
  const KeyGeneration* const last = LastReplaced(identity);
  if (last == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("\"", identity.name.text(), "\" has no generation to go back to"));
  }
  Identity changed = identity;
  Replace(changed, last->uuid, now);
  return changed;
}

Identity Without(const Identity& identity, const std::string& uuid) {
  Identity changed = identity;
  std::erase_if(changed.generations, [&](const KeyGeneration& generation) {
    return generation.uuid == uuid && generation.state != GenerationState::kCurrent;
  });
  return changed;
}

bool Serves(const KeyGeneration& generation, absl::Time now) {
  if (generation.state == GenerationState::kCurrent) return true;
  // The same if the clock was set back meanwhile.
  return generation.state == GenerationState::kOld && absl::AbsDuration(now - generation.replaced) <= kReplacedServes;
}

}  // namespace ddskey
