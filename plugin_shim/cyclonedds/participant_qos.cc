#include "plugin_shim/cyclonedds/participant_qos.h"

#include <utility>
#include <vector>

#include "plugin_shim/core/document.h"
#include "plugin_shim/core/key_agreement_choice.h"
#include "plugin_shim/core/key_reference.h"

namespace ddskey::cyclonedds {
namespace {

// What the daemon takes (authentication.proto).
constexpr size_t kMaxCertificate = 16 << 10;
constexpr size_t kMaxTrust = 64 << 10;

// Reads the document of property `name`; an empty one if there is no such property.
std::optional<std::string> Read(const DDS_Security_Qos& qos, std::string_view name, size_t limit, std::string* error) {
  const std::optional<std::string> uri = FindProperty(qos, name);
  if (!uri || uri->empty()) return std::string();
  std::string why;
  std::optional<std::string> document = ReadDocument(*uri, limit, &why);
  if (!document) *error = std::string(name) + " cannot be used: " + why;
  return document;
}

bool ReadTrust(const DDS_Security_Qos& qos, v1::ValidateLocalIdentityRequest* request, std::string* error) {
  size_t left = kMaxTrust;
  std::optional<std::string> ca = Read(qos, DDS_SEC_PROP_AUTH_IDENTITY_CA, left, error);
  if (!ca) return false;
  left -= ca->size();
  std::optional<std::string> crl = Read(qos, ORG_ECLIPSE_CYCLONEDDS_SEC_AUTH_CRL, left, error);
  if (!crl) return false;
  left -= crl->size();
  if (!ca->empty()) request->add_identity_ca(*ca);
  if (!crl->empty()) request->add_revocation_list(*std::move(crl));

  const std::optional<std::string> folder = FindProperty(qos, DDS_SEC_PROP_ACCESS_TRUSTED_CA_DIR);
  if (!folder || folder->empty()) return true;
  std::string why;
  std::optional<std::vector<std::string>> trusted = ReadFolder(*folder, left, &why);
  if (!trusted) {
    *error = std::string(DDS_SEC_PROP_ACCESS_TRUSTED_CA_DIR) + " cannot be used: " + why;
    return false;
  }
  for (std::string& document : *trusted) {
    if (document != *ca) request->add_identity_ca(std::move(document));
  }
  return true;
}

bool ReadKeyAgreement(const DDS_Security_Qos& qos, v1::ValidateLocalIdentityRequest* request, std::string* error) {
  constexpr const char* kNames[] = {kKeyAgreementProperty,
                                    "com.rti.serv.secure.authentication.key_establishment_algorithm",
                                    "com.rti.serv.secure.authentication.shared_secret_algorithm",
                                    "dds.sec.auth.builtin.PKI-DH.preferred_key_agreement"};
  for (const char* name : kNames) {
    const std::optional<std::string> value = FindProperty(qos, name);
    if (!value || value->empty()) continue;
    const std::optional<v1::KeyAgreementChoice> choice = ParseKeyAgreement(*value);
    if (!choice) {
      *error = std::string(name) + " is none of " + kKeyAgreementValues;
      return false;
    }
    request->set_key_agreement(*choice);
    return true;
  }
  return true;
}

}  // namespace

std::optional<std::string> FindProperty(const DDS_Security_Qos& qos, std::string_view name) {
  const DDS_Security_PropertySeq& properties = qos.property.value;
  for (uint32_t i = 0; properties._buffer != nullptr && i < properties._length; ++i) {
    const DDS_Security_Property_t& property = properties._buffer[i];
    if (property.name != nullptr && property.value != nullptr && property.name == name) return property.value;
  }
  return std::nullopt;
}

std::optional<v1::ValidateLocalIdentityRequest> ReadIdentity(const DDS_Security_Qos& qos, std::string* error) {
  const std::optional<std::string> reference = FindProperty(qos, DDS_SEC_PROP_AUTH_PRIV_KEY);
  if (!reference) {
    *error = std::string(DDS_SEC_PROP_AUTH_PRIV_KEY) + " is missing; set it to `ddskey:NAME`";
    return std::nullopt;
  }
  std::string why;
  const std::optional<KeyName> key = ResolveKeyReference(*reference, &why);
  if (!key) {
    *error = std::string(DDS_SEC_PROP_AUTH_PRIV_KEY) + " cannot be used: " + why;
    return std::nullopt;
  }
  std::optional<std::string> certificate = Read(qos, DDS_SEC_PROP_AUTH_IDENTITY_CERT, kMaxCertificate, error);
  if (!certificate) return std::nullopt;
  if (certificate->empty()) {
    *error = std::string(DDS_SEC_PROP_AUTH_IDENTITY_CERT) +
             " is missing or empty; name the certificate of ddskey:" + key->text() +
             " there, as `ddskeyctl cert show` gives it";
    return std::nullopt;
  }
  v1::ValidateLocalIdentityRequest request;
  request.set_key_name(key->text());
  request.set_identity_certificate(*std::move(certificate));
  if (!ReadTrust(qos, &request, error) || !ReadKeyAgreement(qos, &request, error)) return std::nullopt;
  return request;
}

}  // namespace ddskey::cyclonedds
