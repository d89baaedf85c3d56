#ifndef DAEMON_CUSTODIAN_IDENTITY_LIFE_H_
#define DAEMON_CUSTODIAN_IDENTITY_LIFE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/keystore/key_store.h"

namespace ddskey {

// The life of an identity's generations, as functions from what is stored to what is to be stored. Errors are those of
// AdminService (admin.proto), for the person who asked.

// How long tickets of a replaced generation are served (S-5): as long as a ticket lives.
inline constexpr absl::Duration kReplacedServes = absl::Seconds(120);

// How long a replaced generation stays at the least, for going back to it.
inline constexpr absl::Duration kReplacedStays = absl::Hours(24);

// The most generations that an identity keeps; past that the one that was replaced first goes.
inline constexpr size_t kMostGenerations = 8;

// WithNext adds `generation`, numbered, as the next one. ALREADY_EXISTS if there is one.
absl::StatusOr<Identity> WithNext(const Identity& identity, KeyGeneration generation);

// WithoutNext abandons the next generation. FAILED_PRECONDITION if there is none.
absl::StatusOr<Identity> WithoutNext(const Identity& identity);

// Switched makes the next generation, with the certificate chain `chain`, the current one. FAILED_PRECONDITION if there
// is none.
absl::StatusOr<Identity> Switched(const Identity& identity, const std::string& chain, absl::Time now);

// LastReplaced is the generation that was current before the current one, or null if it is not there any more.
const KeyGeneration* LastReplaced(const Identity& identity);

// RolledBack makes LastReplaced the current generation again, and the current one an old one. FAILED_PRECONDITION if
// there is none.
absl::StatusOr<Identity> RolledBack(const Identity& identity, absl::Time now);

// Without removes the old generation `uuid`.
Identity Without(const Identity& identity, const std::string& uuid);

// Serves is whether tickets of `generation` are served at `now`.
bool Serves(const KeyGeneration& generation, absl::Time now);

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_IDENTITY_LIFE_H_
