#ifndef CLIENT_SETUP_DOCUMENTS_H_
#define CLIENT_SETUP_DOCUMENTS_H_

#include <string>

#include "absl/time/time.h"

namespace ddskey::setup {

// DomainRange is the DDS domains that governance and permissions are about.
struct DomainRange {
  int first = 0;
  // The last one that the port numbers of RTPS allow, less two.
  int last = 230;
};

// GovernanceDocument is a governance document (DDS Security 9.4.1.2) for `domains`: nobody unauthenticated, whole
// messages signed, discovery, liveliness and data of all topics encrypted, and access control on for all of them. The
// permissions CA must still sign it.
std::string GovernanceDocument(const DomainRange& domains);

// PermissionsDocument lets `subject` (RFC 2253 text, as in its certificate) publish and subscribe all topics in
// `domains` (9.4.1.3). It must still be signed, too.
std::string PermissionsDocument(const std::string& subject, const DomainRange& domains, absl::Time not_before,
                                absl::Time not_after);

// CycloneConfiguration configures security of Cyclone DDS for the identity `name` with the documents in `folder` and
// our plugin `plugin`, by absolute paths.
std::string CycloneConfiguration(const std::string& name, const std::string& folder, const std::string& plugin);

}  // namespace ddskey::setup

#endif  // CLIENT_SETUP_DOCUMENTS_H_
