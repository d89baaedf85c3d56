#include "client/setup/documents.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/substitute.h"

namespace ddskey::setup {
namespace {

constexpr char kSchema[] = "http://www.omg.org/spec/DDS-SECURITY/20170901/omg_shared_ca_";

std::string Document(const char* kind, const std::string& content) {
  return absl::StrCat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
                      "<dds xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:noNamespaceSchemaLocation=\"",
                      kSchema, kind, ".xsd\">\n", content, "</dds>\n");
}

std::string Domains(const DomainRange& domains) {
  return absl::Substitute("<domains><id_range><min>$0</min><max>$1</max></id_range></domains>", domains.first,
                          domains.last);
}

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string DateTime(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%S", time, absl::UTCTimeZone()); }

}  // namespace

std::string GovernanceDocument(const DomainRange& domains) {
  return Document("governance", absl::Substitute(R"(  <domain_access_rules>
    <domain_rule>
      $0
      <allow_unauthenticated_participants>false</allow_unauthenticated_participants>
      <enable_join_access_control>true</enable_join_access_control>
      <discovery_protection_kind>ENCRYPT</discovery_protection_kind>
      <liveliness_protection_kind>ENCRYPT</liveliness_protection_kind>
      <rtps_protection_kind>SIGN</rtps_protection_kind>
      <topic_access_rules>
        <topic_rule>
          <topic_expression>*</topic_expression>
          <enable_discovery_protection>true</enable_discovery_protection>
          <enable_liveliness_protection>true</enable_liveliness_protection>
          <enable_read_access_control>true</enable_read_access_control>
          <enable_write_access_control>true</enable_write_access_control>
          <metadata_protection_kind>ENCRYPT</metadata_protection_kind>
          <data_protection_kind>ENCRYPT</data_protection_kind>
        </topic_rule>
      </topic_access_rules>
    </domain_rule>
  </domain_access_rules>
)",
                                                 Domains(domains)));
}

std::string PermissionsDocument(const std::string& subject, const DomainRange& domains, absl::Time not_before,
                                absl::Time not_after) {
  return Document("permissions",
                  absl::Substitute(R"(  <permissions>
    <grant name="all-topics">
      <subject_name>$0</subject_name>
      <validity><not_before>$2</not_before><not_after>$3</not_after></validity>
      <allow_rule>
        $1
        <publish><topics><topic>*</topic></topics><partitions><partition>*</partition></partitions></publish>
        <subscribe><topics><topic>*</topic></topics><partitions><partition>*</partition></partitions></subscribe>
      </allow_rule>
      <default>DENY</default>
    </grant>
  </permissions>
)",
                                   Escaped(subject), Domains(domains), DateTime(not_before), DateTime(not_after)));
}

std::string CycloneConfiguration(const std::string& name, const std::string& folder, const std::string& plugin) {
  return absl::Substitute(R"(<CycloneDDS xmlns="https://cdds.io/config">
  <Domain id="any">
    <Security>
      <Authentication>
        <Library path="$0" initFunction="init_authentication" finalizeFunction="finalize_authentication"/>
        <IdentityCA>file:$1/identity_ca.pem</IdentityCA>
        <IdentityCertificate>file:$1/certificate.pem</IdentityCertificate>
        <PrivateKey>ddskey:$2</PrivateKey>
      </Authentication>
      <AccessControl>
        <PermissionsCA>file:$1/permissions_ca.pem</PermissionsCA>
        <Governance>file:$1/governance.p7s</Governance>
        <Permissions>file:$1/permissions.p7s</Permissions>
      </AccessControl>
      <Cryptographic/>
    </Security>
  </Domain>
</CycloneDDS>
)",
                          Escaped(plugin), Escaped(folder), name);
}

}  // namespace ddskey::setup
