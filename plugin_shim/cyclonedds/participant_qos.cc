#include "plugin_shim/cyclonedds/participant_qos.h"

#include <algorithm>
#include <utility>

#include "plugin_shim/core/document.h"
#include "plugin_shim/core/key_agreement_choice.h"
#include "plugin_shim/core/key_reference.h"
#include "plugin_shim/cyclonedds/foreign_properties.h"

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

// Connext's, which names files also without `file:` before them.
constexpr char kAlternativeCas[] = "com.rti.serv.secure.authentication.alternative_ca_files";
constexpr const char* kRevocationLists[] = {ORG_ECLIPSE_CYCLONEDDS_SEC_AUTH_CRL,
                                            "com.rti.serv.secure.authentication.crl",
                                            "com.rti.serv.secure.authentication.crl_file"};

std::string ToUri(std::string_view file) {
  const bool uri = file.starts_with("file:") || file.starts_with("data:");
  return uri ? std::string(file) : "file:" + std::string(file);
}

// Reads the documents that the commas of property `name` separate, and takes their size from `*left`.
bool ReadAll(const DDS_Security_Qos& qos, const char* name, size_t* left, std::vector<std::string>* documents,
             std::string* error) {
  const std::string list = FindProperty(qos, name).value_or("");
  for (size_t at = 0; at < list.size();) {
    // The comma of `data:,` is none that separates, nor is any in its text.
    const size_t end = list.compare(at, 5, "data:") == 0 ? list.size() : std::min(list.find(',', at), list.size());
    std::string why;
    std::optional<std::string> document = ReadDocument(ToUri(list.substr(at, end - at)), *left, &why);
    if (!document) {
      *error = std::string(name) + " cannot be used: " + why;
      return false;
    }
    *left -= document->size();
    documents->push_back(*std::move(document));
    at = end + 1;
  }
  return true;
}

bool ReadTrust(const DDS_Security_Qos& qos, v1::ValidateLocalIdentityRequest* request, std::string* error) {
  size_t left = kMaxTrust;
  std::optional<std::string> ca = Read(qos, DDS_SEC_PROP_AUTH_IDENTITY_CA, left, error);
  if (!ca) return false;
  left -= ca->size();
  if (!ca->empty()) request->add_identity_ca(*ca);
  std::vector<std::string> more;
  if (!ReadAll(qos, kAlternativeCas, &left, &more, error)) return false;
  for (std::string& document : more) request->add_identity_ca(std::move(document));
  std::vector<std::string> lists;
  for (const char* name : kRevocationLists) {
    if (!ReadAll(qos, name, &left, &lists, error)) return false;
  }
  for (std::string& list : lists) {
    if (!list.empty()) request->add_revocation_list(std::move(list));
  }

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

bool JudgeProperties(const DDS_Security_Qos& qos, std::vector<std::string>* remarks, std::string* error) {
  const DDS_Security_PropertySeq& properties = qos.property.value;
  for (uint32_t i = 0; properties._buffer != nullptr && i < properties._length; ++i) {
    const DDS_Security_Property_t& property = properties._buffer[i];
    if (property.name == nullptr || property.value == nullptr) continue;
    std::optional<PropertyVerdict> verdict = JudgeProperty(property.name, property.value);
    if (!verdict) continue;
    if (verdict->kind == PropertyVerdict::Kind::kRefused) {
      *error = std::move(verdict->sentence);
      return false;
    }
    remarks->push_back(std::move(verdict->sentence));
  }
  return true;
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
