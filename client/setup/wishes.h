#ifndef CLIENT_SETUP_WISHES_H_
#define CLIENT_SETUP_WISHES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/setup/accounts.h"
#include "client/setup/documents.h"

namespace ddskey::setup {

// Application is the middleware that identities are for. A key has one purpose (S-1): the plugin for Cyclone DDS takes
// keys for handshakes, PKCS#11 keys for digests.
enum class Application { kCycloneDds, kFastDds };

// WantedIdentity is an identity that processes of a user are to have.
struct WantedIdentity {
  // A key's name.
  std::string name;
  Account account;
};

// Wishes are what the caller wants.
struct Wishes {
  std::vector<WantedIdentity> identities;
  Application application = Application::kCycloneDds;
  // As FindBackend has it; empty to keep what is configured, or else to look for one.
  std::string backend;
  // Put it in the place of backends that are configured.
  bool replace_backends = false;
  // Of new keys, as in CreateKeyRequest.
  std::string algorithm;
  // O= in the subjects of new CAs and identities; may be empty.
  std::string organization;
  // Of new certificates.
  absl::Duration validity = absl::Hours(24 * 365);
  // Of governance and permissions, if the caller has said it.
  std::optional<DomainRange> domains;
  // The CAs that others keep, both PEM; empty for CAs of this host's own.
  std::string identity_ca;
  std::string permissions_ca;
  // File with the passphrase of the CAs on this host; empty for one that is made and kept with them.
  std::string passphrase_file;
  // Absolute paths of the plugin for Cyclone DDS, its drop-in folder, and the PKCS#11 module.
  std::string plugin;
  std::string drop_in;
  std::string pkcs11_module;
};

}  // namespace ddskey::setup

#endif  // CLIENT_SETUP_WISHES_H_
