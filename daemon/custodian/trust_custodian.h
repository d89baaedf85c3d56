#ifndef DAEMON_CUSTODIAN_TRUST_CUSTODIAN_H_
#define DAEMON_CUSTODIAN_TRUST_CUSTODIAN_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/custodian/authorizer.h"
#include "daemon/custodian/change_notice.h"
#include "daemon/custodian/file_lists.h"
#include "daemon/custodian/worker_pool.h"
#include "daemon/keystore/key_store.h"
#include "daemon/trust/certificate.h"
#include "daemon/trust/certificate_validator.h"
#include "daemon/trust/ocsp_response.h"
#include "daemon/trust/revocation_list.h"
#include "policy/policy.h"
#include "proto/contract/validation_options.h"

namespace ddskey {

// TrustDescription is what the peers of an identity are held to, parsed.
struct TrustDescription {
  IdentityTrust stored;
  std::vector<Certificate> anchors;
  std::vector<RevocationList> revocation_lists;
  std::optional<OcspResponse> ocsp_response;
};

// TrustOptionsChange is what becomes of the options of an identity's trust; what is not set stays.
struct TrustOptionsChange {
  std::optional<Strictness> key_usage;
  std::optional<Strictness> missing_revocation_list;
  std::optional<Strictness> outdated_revocation_list;
  // The only permissions document from now on; empty for any.
  std::optional<std::string> permissions;
  std::optional<bool> keep_pem_text;
};

// TrustCustodian changes, on behalf of administrators, which CAs and revocation lists the peers of an identity are held
// to: authorize, check, store, audit. What it stored is in force for every step of a handshake that begins afterwards.
// Every method returns at once; its work is done on the pool, where `done` is called exactly once. Errors are those of
// AdminService (admin.proto). Thread-safe.
class TrustCustodian {
 public:
  // Parts are what a custodian works with; all must outlive it.
  struct Parts {
    WorkerPool& pool;
    Authorizer& authorizer;
    KeyStore& keys;
    CertificateValidator& validator;
    ChangeNotice& changes;
    std::function<absl::Time()> clock;
    // Own certificates are held to the lists of files, too; may be null.
    const FileLists* file_lists = nullptr;
  };

  using Done = std::function<void(absl::StatusOr<TrustDescription>)>;

  explicit TrustCustodian(const Parts& parts) : parts_(parts) {}

  void Get(const Subject& caller, std::string key_name, Done done);
  // AddAnchors adds identity CAs, PEM, to those that are there.
  void AddAnchors(const Subject& caller, std::string key_name, std::string anchors, Done done);
  // RemoveAnchor removes the identity CA whose certificate's SHA-256 begins with `digest`, hexadecimal.
  void RemoveAnchor(const Subject& caller, std::string key_name, std::string digest, Done done);
  // InstallRevocationLists takes CRLs, PEM, each in the place of the one of the same issuer and key.
  void InstallRevocationLists(const Subject& caller, std::string key_name, std::string lists, Done done);
  // RemoveRevocationList removes the CRL whose SHA-256 begins with `digest`, hexadecimal.
  void RemoveRevocationList(const Subject& caller, std::string key_name, std::string digest, Done done);
  // InstallOcspResponse takes what a responder says of the identity's own certificate, DER; an empty one removes what
  // is there.
  void InstallOcspResponse(const Subject& caller, std::string key_name, std::string response, Done done);
  void SetOptions(const Subject& caller, std::string key_name, TrustOptionsChange options, Done done);

 private:
  // A change makes what is to be stored of what is there.
  using Change = std::function<absl::StatusOr<IdentityTrust>(const Identity& identity)>;

  void Post(const Subject& caller, Action action, const char* operation, std::string key_name, Change change,
            Done done);
  absl::StatusOr<TrustDescription> Apply(const std::string& key_name, const Change& change) const;
  absl::StatusOr<IdentityTrust> WithOcspResponse(const Identity& identity, const std::string& response) const;
  absl::Status CheckOwn(const Identity& identity, const IdentityTrust& trust) const;

  Parts parts_;
};

}  // namespace ddskey

#endif  // DAEMON_CUSTODIAN_TRUST_CUSTODIAN_H_
