#ifndef PLUGIN_SHIM_CYCLONEDDS_PARTICIPANT_QOS_H_
#define PLUGIN_SHIM_CYCLONEDDS_PARTICIPANT_QOS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ddskey/v1/authentication.pb.h"
#include "plugin_shim/cyclonedds/dds_security.h"

namespace ddskey::cyclonedds {

// FindProperty returns the value of the first property `name` of a QoS.
std::optional<std::string> FindProperty(const DDS_Security_Qos& qos, std::string_view name);

// kConnectTimeoutProperty is how long participant creation waits for the daemon, in milliseconds. Cyclone DDS ignores
// its XML configuration of security as soon as a QoS has a property `dds.sec.*`; so this one's name does not begin so.
inline constexpr char kConnectTimeoutProperty[] = "ddskey.connect_timeout_ms";

// kKeyAgreementProperty is how participants agree on secrets: see ParseKeyAgreement. What RTI Connext and Fast DDS call
// it is read too, in that order: `com.rti.serv.secure.authentication.key_establishment_algorithm`,
// `com.rti.serv.secure.authentication.shared_secret_algorithm`, `dds.sec.auth.builtin.PKI-DH.preferred_key_agreement`.
inline constexpr char kKeyAgreementProperty[] = "ddskey.key_agreement";

// JudgeProperties says what becomes of the properties of other authentication plugins (JudgeProperty). False, and a
// sentence in `*error`, if one cannot be used; `*remarks` gets a sentence for each that has no effect.
bool JudgeProperties(const DDS_Security_Qos& qos, std::vector<std::string>* remarks, std::string* error);

// ReadIdentity reads the documents that the security properties of a participant name, with the rights of this process,
// and makes the request for its identity of them: `dds.sec.auth.private_key` (a key reference), `identity_certificate`,
// `identity_ca`, `trusted_ca_dir`, `org.eclipse.cyclonedds.sec.auth.crl`, Connext's further CAs and revocation lists,
// and the key agreement. Nothing, and a sentence in `*error`, if one is missing or cannot be used. The caller adds the
// domain and the GUID.
std::optional<v1::ValidateLocalIdentityRequest> ReadIdentity(const DDS_Security_Qos& qos, std::string* error);

}  // namespace ddskey::cyclonedds

#endif  // PLUGIN_SHIM_CYCLONEDDS_PARTICIPANT_QOS_H_
