#ifndef DAEMON_KEYSTORE_KEY_STORE_H_
#define DAEMON_KEYSTORE_KEY_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/key_name.h"
#include "proto/contract/validation_options.h"

namespace ddskey {

// GenerationState is where a key generation stands in the life of its identity. The numbers are stored.
enum class GenerationState {
  kNext = 1,     // made, not yet used
  kCurrent = 2,  // used for new handshakes
  kOld = 3,      // replaced
};

// KeyGeneration is one key of an identity: the sealed private key as its backend gave it out, and its certificate.
struct KeyGeneration {
  uint32_t number = 1;
  GenerationState state = GenerationState::kCurrent;
  // Names this key for ever, in tickets and in the audit log; never reused. The store makes one if it is empty.
  std::string uuid;
  // Identity of the backend that sealed it; see KeyStore::RegisterBackend.
  std::string backend_uuid;
  KeyAlgorithm algorithm = KeyAlgorithm::kEcP256;
  KeyPurpose purpose = KeyPurpose::kHandshake;
  std::string blob;
  // DER SubjectPublicKeyInfo.
  std::string public_key;
  // PEM, the leaf first; empty until one is installed.
  std::string certificate_chain;
  // Kept to the microsecond.
  absl::Time created;
  // Whether it was made elsewhere and imported.
  bool imported = false;
  // Whether a key file was given out, with which other programs use the key (S-12).
  bool left_custody = false;
  // When it became kOld; the infinite past before.
  absl::Time replaced = absl::InfinitePast();
};

// StoredRevocationList is a certificate revocation list of an identity's trust store.
struct StoredRevocationList {
  // DER of the issuer's Name.
  std::string issuer;
  // The octets that tell CAs of one name apart: SHA-256 of the public key if it is that of an anchor, else what the
  // list says of it (authorityKeyIdentifier, RFC 5280, 5.2.1). Behind it, what tells lists of one CA apart that speak
  // of different certificates. May be empty.
  std::string authority_key;
  // CRL number, hexadecimal; empty if it has none.
  std::string number;
  std::string pem;
};

// IdentityTrust is what the peers of an identity are held to.
struct IdentityTrust {
  // Identity CAs (PEM) that peers must chain to; empty if none are installed.
  std::string anchors;
  // At most one for each issuer and authority key, sorted. Those of issuers that are no anchors stay, for when they are
  // again.
  std::vector<StoredRevocationList> revocation_lists;
  ValidationOptions options;
  // SHA-256 of the only permissions document the identity may be used with; empty for any.
  std::string permissions_sha256;
  // Whether text around the PEM blocks of its own chain goes on the wire, too.
  bool keep_pem_text = false;
  // DER of the OCSP response about its own certificate, to staple; empty if none was provided.
  std::string ocsp_response;
};

// Identity is what a key name stands for.
struct Identity {
  KeyName name;
  bool deleted = false;
  // By number; exactly one is kCurrent, at most one kNext.
  std::vector<KeyGeneration> generations;
  IdentityTrust trust;
  // Names this identity for ever, whatever becomes of its keys: the uuid of its first generation.
  std::string uuid = {};
  // Taken out of use for a while.
  bool disabled = false;

  // current returns the generation that is kCurrent.
  const KeyGeneration& current() const;
  // next returns the generation that is kNext, or null.
  const KeyGeneration* next() const;
};

// StoredBackend is a backend that a keystore knows, configured or not.
struct StoredBackend {
  std::string uuid;
  // As it was configured last; with the kind behind it, as in "tpm (tpm2)", if one of another kind has that name now.
  std::string name;
  std::string kind;
};

// NameWithKind is the name of a backend whose own is that of one of another kind.
std::string NameWithKind(const std::string& name, const std::string& kind);

// FileRevocationList is a certificate revocation list that was taken from a file.
struct FileRevocationList {
  std::string path;
  // What tells the lists of a file apart; as in StoredRevocationList.
  std::string issuer;
  std::string authority_key;
  std::string der;
};

// KeyStore keeps identities in an SQLite database, with full synchronisation and one transaction a change: a call that
// returned OK survives kill -9 and power loss, one that did not return left nothing half-done. Thread-safe.
class KeyStore {
 public:
  // Open opens or makes the database `path`, mode 0600, and migrates an older schema after keeping a copy beside it
  // (`path`.version-N). FAILED_PRECONDITION for a newer schema, while another daemon has it open, or if others may read
  // the file or write to its folder; DATA_LOSS if it is damaged.
  static absl::StatusOr<std::unique_ptr<KeyStore>> Open(const std::string& path);

  virtual ~KeyStore() = default;

  // instance_uuid names this store for ever; tickets are bound to it.
  virtual const std::string& instance_uuid() const = 0;
  virtual uint32_t schema_version() const = 0;

  // RegisterBackend returns the lasting identity of the backend that is configured under `name` with `kind`
  // ("software", "tpm2", "pkcs11"), making it on first sight. A backend of another kind that had this name gets one
  // with its kind behind it, by which it is found if it comes back.
  virtual absl::StatusOr<std::string> RegisterBackend(const std::string& name, const std::string& kind) = 0;

  // Backends returns all that were ever registered, by the names that they had last; from memory, as Find.
  virtual std::vector<StoredBackend> Backends() const = 0;

  // CheckIntegrity reads all of the file. DATA_LOSS says what is wrong with it.
  virtual absl::Status CheckIntegrity() = 0;

  // CreateIdentity adds an identity with its first generation, which must be kCurrent. ALREADY_EXISTS if the name is
  // taken, also by a deleted identity that was not purged (S-14); INVALID_ARGUMENT if the generation is not in order:
  // its backend is unknown, its uuid was used before.
  virtual absl::Status CreateIdentity(const KeyName& name, const KeyGeneration& generation) = 0;

  // AddIdentity adds an identity with all that it has: its uuid, generations, state and trust. Errors as of
  // CreateIdentity; INVALID_ARGUMENT also if it has not exactly one current generation, or more than one next.
  virtual absl::Status AddIdentity(const Identity& identity) = 0;

  // ReplaceIdentity puts the generations of `changed`, and whether it is deleted or disabled, in the place of what is
  // stored under its name; its uuid and trust stay as they are, but for the OCSP response when another generation
  // becomes current. ABORTED if `expected` is not what Find returns any
  // more; INVALID_ARGUMENT as of AddIdentity.
  virtual absl::Status ReplaceIdentity(const std::shared_ptr<const Identity>& expected, const Identity& changed) = 0;

  // InstallCertificate sets the chain of the current generation and, unless `anchors` is empty, the anchors, and drops
  // the OCSP response about the chain before. Whether they fit is the caller's to check. NOT_FOUND for an absent or
  // deleted identity; ABORTED if `generation_uuid` is not the current generation any more.
  virtual absl::Status InstallCertificate(const KeyName& name, const std::string& generation_uuid,
                                          const std::string& certificate_chain, const std::string& anchors) = 0;

  // SetTrust replaces all of the trust of an identity. NOT_FOUND for an absent or deleted identity; ABORTED if
  // `expected` is not what Find returns any more, so that of two changes at once none is lost.
  virtual absl::Status SetTrust(const KeyName& name, const std::shared_ptr<const Identity>& expected,
                                const IdentityTrust& trust) = 0;

  // DeleteIdentity takes an identity out of use; its name stays taken. NOT_FOUND if absent or already deleted.
  virtual absl::Status DeleteIdentity(const KeyName& name) = 0;

  // PurgeIdentity erases an identity, deleted before or not, with its keys, and frees its name. NOT_FOUND if absent.
  virtual absl::Status PurgeIdentity(const KeyName& name) = 0;

  // SaveFileList keeps a revocation list in the place of the one of the same path, issuer and authority key.
  virtual absl::Status SaveFileList(const FileRevocationList& list) = 0;

  // LoadFileLists returns the lists that were saved, by path; from the disk, not from memory.
  virtual absl::StatusOr<std::vector<FileRevocationList>> LoadFileLists() = 0;

  // ForgetFileLists removes the lists of one path.
  virtual absl::Status ForgetFileLists(const std::string& path) = 0;

  // SaveLastGoodTime keeps, to the microsecond, the last time at which the clock was known to be right;
  // LoadLastGoodTime returns it, or the infinite past if none was saved.
  virtual absl::Status SaveLastGoodTime(absl::Time time) = 0;
  virtual absl::StatusOr<absl::Time> LoadLastGoodTime() = 0;

  // Find returns the identity, also a deleted one, or NOT_FOUND. It is answered from memory: the snapshot is shared and
  // immutable, and a change made by any call above is seen by every Find that begins after that call returned.
  virtual absl::StatusOr<std::shared_ptr<const Identity>> Find(const KeyName& name) const = 0;

  // List returns all identities by name, also deleted ones.
  virtual std::vector<std::shared_ptr<const Identity>> List() const = 0;
};

}  // namespace ddskey

#endif  // DAEMON_KEYSTORE_KEY_STORE_H_
