#ifndef TEST_SUPPORT_PKI_CYCLONE_H_
#define TEST_SUPPORT_PKI_CYCLONE_H_

#include <string>
#include <vector>

#include "test/support/pki.h"

namespace ddskey::test {

// GovernanceDocument is a governance document (DDS Security 9.4.1.2) for all domains that protects everything with
// `protection` ("ENCRYPT", "SIGN" or "NONE") and lets nobody in unauthenticated. It must still be signed.
std::string GovernanceDocument(const std::string& protection = "ENCRYPT");

// PermissionsDocument lets `subject` (RFC 2253 text form, as CN=talker,O=Lab) publish and subscribe everything in all
// domains (9.4.1.3). It must still be signed.
std::string PermissionsDocument(const std::string& subject);

// CyclonePki is what a secured domain needs, in files: identity_ca.pem, permissions_ca.pem, governance.p7s, and for
// each participant NAME.pem, NAME.key, NAME.permissions.p7s. Subjects are /O=Lab/CN=NAME.
class CyclonePki {
 public:
  // The folder must exist.
  explicit CyclonePki(std::string folder, TestKeyType type = TestKeyType::kEcP256);

  // AddParticipant makes a key of `type` and everything that belongs to it.
  void AddParticipant(const std::string& name, TestKeyType type = TestKeyType::kEcP256);

  // AddCertified writes the documents of a participant whose certificate was made elsewhere; it gets no NAME.key.
  void AddCertified(const std::string& name, const std::string& certificate);

  const std::string& folder() const { return folder_; }
  const TestCa& identity_ca() const { return identity_ca_; }
  const TestCa& permissions_ca() const { return permissions_ca_; }

  // File returns the path of `name` in the folder.
  std::string File(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
  TestCa identity_ca_;
  TestCa permissions_ca_;
};

// CycloneOptions is what differs between participants' configurations.
struct CycloneOptions {
  int domain = 0;
  // Documents, as URIs ("file:/path" or "data:,text").
  std::string identity_certificate;
  std::string identity_ca;
  std::string private_key;
  std::string permissions_ca;
  std::string governance;
  std::string permissions;
  // Authentication library; the builtin one if empty.
  std::string library;
  std::string init_function = "init_authentication";
  std::string finalize_function = "finalize_authentication";
  // At least the number of participants on this host, less one.
  int max_participant_index = 9;
  // More elements for <Authentication>, as XML.
  std::string authentication_extra = {};
  // Trace file, if any, and how much goes into it.
  std::string trace_file = {};
  std::string trace_verbosity = "config";
  // For example "2s"; Cyclone's default if empty.
  std::string lease_duration = {};

  // The one network interface that is used, and the addresses of the hosts where participants are looked for.
  std::string interface = "lo";
  std::vector<std::string> peers = {"127.0.0.1"};

  // For fills in the documents of `name` in `pki`, with its private key file.
  static CycloneOptions For(const CyclonePki& pki, const std::string& name, int domain);
};

// CycloneConfig is a CYCLONEDDS_URI value (the XML itself) for a secured participant, on loopback unless `options` say
// otherwise, without multicast.
std::string CycloneConfig(const CycloneOptions& options);

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_PKI_CYCLONE_H_
