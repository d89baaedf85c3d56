#ifndef DAEMON_BACKEND_SECRET_SOURCE_H_
#define DAEMON_BACKEND_SECRET_SOURCE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "proto/contract/secret_bytes.h"

namespace ddskey {

// HostSecret is a secret of this installation, of 32 octets.
struct HostSecret {
  SecretBytes value;
  // Where it came from, for people: "the file /var/lib/ddskeyd/software.secret".
  std::string origin;
  // Whether the service manager passed it, so that it need not lie beside the key store.
  bool is_credential = false;
};

// SecretSource says where a secret of this installation is.
struct SecretSource {
  // $CREDENTIALS_DIRECTORY, or empty if the service manager passed no credentials.
  std::string credentials_directory;
  // Name of the credential in it.
  std::string credential = "ddskeyd.software-secret";
  // File that is used when there is no such credential, and made with 32 random octets when absent.
  std::string file;
  // Whether keys exist that need the secret: then a new one would hide that it was lost, and is not made.
  bool is_needed = false;
};

// LoadSecret reads the credential or the file: 32 to 4,096 octets, which are hashed to 32, so that the file's content
// can become the credential and everything sealed under it still opens. The file must be a regular file of the
// effective user, mode 0600 or less; a new one is either whole and on the disk or not there, also if two daemons make
// it at once. NOT_FOUND if it is needed and not there. FAILED_PRECONDITION says what is wrong with the file, or with
// the folder it should be made in.
absl::StatusOr<HostSecret> LoadSecret(const SecretSource& source);

// FindSecret is LoadSecret for what may be a systemd credential and nothing else: nothing if `directory`
// ($CREDENTIALS_DIRECTORY, or empty) has no credential `name`, "ddskeyd.WHAT". What systemd took from a folder of ours,
// the encrypted one or else the plain one, it has called "ddskeyd_WHAT" and "ddskeyd.plain_WHAT" (ddskeyd.service); a
// credential that is `name` itself goes before both. The same holds for LoadSecret and FindAuthValue.
absl::StatusOr<std::optional<HostSecret>> FindSecret(const std::string& directory, const std::string& name);

// HashedSecret makes of the content of a credential, 32 to 4,096 octets, the secret that LoadSecret makes of it.
// INVALID_ARGUMENT for another size.
absl::StatusOr<SecretBytes> HashedSecret(const SecretBytes& content);

// FindAuthValue reads an authorisation value of a TPM, of 1 to 64 octets, from the credential `name`: as it is, but for
// one newline at its end, which editors and echo add. Nothing if there is none.
absl::StatusOr<std::optional<SecretBytes>> FindAuthValue(const std::string& directory, const std::string& name);

}  // namespace ddskey

#endif  // DAEMON_BACKEND_SECRET_SOURCE_H_
