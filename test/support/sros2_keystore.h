#ifndef TEST_SUPPORT_SROS2_KEYSTORE_H_
#define TEST_SUPPORT_SROS2_KEYSTORE_H_

#include <string>

#include "test/support/pki.h"

namespace ddskey::test {

// Sros2Keystore is a keystore laid out as `ros2 security create_keystore` and `create_enclave` make them (sros2 0.13):
//
//   public/ca.cert.pem                  and links to it: identity_ca.cert.pem, permissions_ca.cert.pem
//   private/ca.key.pem                  and links to it: identity_ca.key.pem, permissions_ca.key.pem
//   enclaves/governance.p7s
//   enclaves/NAME/key.pem, cert.pem     ECDSA P-256; the common name is the enclave's, with its slash
//   enclaves/NAME/permissions.p7s
//   enclaves/NAME/identity_ca.cert.pem, permissions_ca.cert.pem, governance.p7s    relative links
//
// Governance and permissions are those of SROS2's templates. With two CAs, as whoever brings their own has it, the
// files in public and private are no links.
class Sros2Keystore {
 public:
  // The folder must exist.
  Sros2Keystore(std::string folder, bool one_ca, int domain = 0);

  // AddEnclave makes the enclave of a name like "/talker_listener/talker" and returns its folder.
  std::string AddEnclave(const std::string& name) const;

  // Enclave is the folder of an enclave.
  std::string Enclave(const std::string& name) const { return folder_ + "/enclaves" + name; }

  // SignedPermissions is permissions.p7s for a subject, in the form CN=/talker_listener/talker.
  std::string SignedPermissions(const std::string& subject) const;

  const std::string& folder() const { return folder_; }
  const TestCa& identity_ca() const { return identity_ca_; }
  const TestCa& permissions_ca() const { return permissions_ca_; }

 private:
  const std::string folder_;
  const TestCa identity_ca_;
  const TestCa permissions_ca_;
  const int domain_;
};

// Sros2Subject are the options of the certificate of an enclave.
CertificateOptions Sros2Subject(const std::string& name);

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_SROS2_KEYSTORE_H_
