#ifndef CLIENT_ROS2_MIGRATION_H_
#define CLIENT_ROS2_MIGRATION_H_

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/ros2/enclave.h"
#include "client/ros2/enclave_folder.h"
#include "ddskey/v1/admin.pb.h"

namespace ddskey::ros2 {

// Application is the middleware that uses an enclave. A key has one purpose (S-1): the plugin for Cyclone DDS takes
// keys for handshakes, PKCS#11 keys for digests, and cert.pem is the certificate of one key.
enum class Application { kCycloneDds, kFastDds };

// PurposeFor is how admin.proto calls the purpose of keys for `application`.
std::string PurposeFor(Application application);

// TokenUri is what key.p11 holds: the key's name for PKCS#11, without white space.
std::string TokenUri(const std::string& name);

// Wishes are what the caller wants.
struct Wishes {
  std::string name;
  // The caller has said the name; else it is what the enclave's own certificate says, which its user chose.
  bool named = false;
  Application application = Application::kCycloneDds;
  // Take the key over that the enclave has, instead of making one.
  bool import = false;
  // Let participants show these permissions only.
  bool pin_permissions = true;
  // Of a new key, as in CreateKeyRequest.
  std::string algorithm;
  // Of either; may be empty.
  std::string backend;
  // The new key's certificate (PEM), if the caller has it.
  std::string certificate;
  // The identity CA's key is at hand: what is needed can be certified at once.
  bool can_certify = false;
};

// Situation is how the enclave and the daemon are.
struct Situation {
  Documents documents;
  Enclave enclave;
  Stamp key_file;
  Stamp certificate_file;
  // Set if key.pem is a key reference already, to the key of this name.
  std::optional<std::string> reference;
  // DER SubjectPublicKeyInfo of the private key in key.pem, if that is to be imported or certified anew.
  std::string public_key;
  // The daemon's identity of the name, if there is one, and its certificate (PEM), if it has one.
  std::optional<v1::Key> held;
  std::string held_certificate;
  // What it trusts already, as in Enclave; empty for nothing yet, and for any permissions.
  std::set<std::string> held_anchors;
  std::string held_permissions;
  // What key.p11 holds, if there is one.
  std::optional<std::string> token_file;
  // Whether an old key was kept by an earlier run.
  bool kept = false;
};

enum class Action {
  kCreateKey,
  kImportKey,
  kMakeRequest,
  kCertify,
  kInstallCertificate,
  kInstallRevocationLists,
  kPinPermissions,
  kCheckKey,
  kWriteTokenFile,
  kReplaceCertificate,
  kKeepKey,
  kReplaceKey,
};

// Step is one thing that is done, with a sentence for people.
struct Step {
  Action action;
  std::string text;
};

// Plan is all that is done, in order; nothing else is.
struct Plan {
  Wishes wishes;
  Situation situation;
  std::vector<Step> steps;
  std::vector<std::string> warnings;
  // The certificate (PEM) that the identity gets; empty until the request is certified.
  std::string certificate;
  // The plan ends with a request that somebody has to certify first.
  bool waits = false;
  // The enclave is in custody already.
  bool migrated_before = false;

  bool Has(Action action) const;

  // KnowsTheIdentity tells whether the key is known to be this enclave's: the folder has had its private key, or the
  // identity had no certificate before. A reference or a public certificate in the folder shows nothing.
  bool KnowsTheIdentity() const;
};

// MakePlan decides what to do. It changes nothing and asks nobody. FAILED_PRECONDITION says why it cannot be done, and
// what to do about it. What an interrupted run has done is not done again. An identity that the daemon has already is
// used only if the caller named it, and what it trusts is never replaced: it must be what this enclave trusts (S-8).
absl::StatusOr<Plan> MakePlan(const Wishes& wishes, const Situation& situation, absl::Time now);

}  // namespace ddskey::ros2

#endif  // CLIENT_ROS2_MIGRATION_H_
