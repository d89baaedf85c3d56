#include "test/support/pki_cyclone.h"

#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"

namespace ddskey::test {
namespace {

constexpr char kSchema[] = "http://www.omg.org/spec/DDS-SECURITY/20170901/omg_shared_ca_";

void Write(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

std::string Document(const std::string& kind, const std::string& content) {
  return absl::StrCat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
                      "<dds xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:noNamespaceSchemaLocation=\"",
                      kSchema, kind, ".xsd\">\n", content, "</dds>\n");
}

}  // namespace

std::string GovernanceDocument(const std::string& protection) {
  return Document("governance", absl::Substitute(R"( <domain_access_rules>
  <domain_rule>
   <domains><id_range><min>0</min><max>230</max></id_range></domains>
   <allow_unauthenticated_participants>false</allow_unauthenticated_participants>
   <enable_join_access_control>true</enable_join_access_control>
   <discovery_protection_kind>$0</discovery_protection_kind>
   <liveliness_protection_kind>$0</liveliness_protection_kind>
   <rtps_protection_kind>$0</rtps_protection_kind>
   <topic_access_rules><topic_rule>
     <topic_expression>*</topic_expression>
     <enable_discovery_protection>true</enable_discovery_protection>
     <enable_liveliness_protection>true</enable_liveliness_protection>
     <enable_read_access_control>true</enable_read_access_control>
     <enable_write_access_control>true</enable_write_access_control>
     <metadata_protection_kind>$0</metadata_protection_kind>
     <data_protection_kind>$0</data_protection_kind>
   </topic_rule></topic_access_rules>
  </domain_rule>
 </domain_access_rules>
)",
                                                 protection));
}

std::string PermissionsDocument(const std::string& subject) {
  return Document("permissions", absl::Substitute(R"( <permissions>
  <grant name="everything">
   <subject_name>$0</subject_name>
   <validity><not_before>2020-01-01T00:00:00</not_before><not_after>2040-01-01T00:00:00</not_after></validity>
   <allow_rule>
    <domains><id_range><min>0</min><max>230</max></id_range></domains>
    <publish><topics><topic>*</topic></topics><partitions><partition>*</partition></partitions></publish>
    <subscribe><topics><topic>*</topic></topics><partitions><partition>*</partition></partitions></subscribe>
   </allow_rule>
   <default>DENY</default>
  </grant>
 </permissions>
)",
                                                  subject));
}

CyclonePki::CyclonePki(std::string folder, TestKeyType type)
    : folder_(std::move(folder)),
      identity_ca_(TestCa::Root("identity CA", type)),
      permissions_ca_(TestCa::Root("permissions CA", type)) {
  Write(File("identity_ca.pem"), identity_ca_.certificate());
  Write(File("permissions_ca.pem"), permissions_ca_.certificate());
  Write(File("governance.p7s"), permissions_ca_.SignDocument(GovernanceDocument()));
}

void CyclonePki::AddParticipant(const std::string& name, TestKeyType type) {
  const TestKey key = TestKey::Generate(type);
  Write(File(name + ".key"), key.pem());
  AddCertified(name, identity_ca_.Issue(key.public_key(), {.subject = {{"O", "Lab"}, {"CN", name}}}));
}

void CyclonePki::AddCertified(const std::string& name, const std::string& certificate) {
  Write(File(name + ".pem"), certificate);
  Write(File(name + ".permissions.p7s"), permissions_ca_.SignDocument(PermissionsDocument("CN=" + name + ",O=Lab")));
}

CycloneOptions CycloneOptions::For(const CyclonePki& pki, const std::string& name, int domain) {
  const auto uri = [&pki](const std::string& file) { return "file:" + pki.File(file); };
  CycloneOptions options;
  options.domain = domain;
  options.identity_certificate = uri(name + ".pem");
  options.identity_ca = uri("identity_ca.pem");
  options.private_key = uri(name + ".key");
  options.permissions_ca = uri("permissions_ca.pem");
  options.governance = uri("governance.p7s");
  options.permissions = uri(name + ".permissions.p7s");
  return options;
}

std::string CycloneConfig(const CycloneOptions& options) {
  std::string library;
  if (!options.library.empty()) {
    library = absl::Substitute(R"(<Library path="$0" initFunction="$1" finalizeFunction="$2"/>)", options.library,
                               options.init_function, options.finalize_function);
  }
  const std::string security = absl::Substitute(
      R"(<Security><Authentication>$0<IdentityCertificate>$1</IdentityCertificate><IdentityCA>$2</IdentityCA><PrivateKey>$3</PrivateKey>$4</Authentication><AccessControl><PermissionsCA>$5</PermissionsCA><Governance>$6</Governance><Permissions>$7</Permissions></AccessControl><Cryptographic/></Security>)",
      library, options.identity_certificate, options.identity_ca, options.private_key, options.authentication_extra,
      options.permissions_ca, options.governance, options.permissions);
  std::string lease;
  if (!options.lease_duration.empty())
    lease = absl::StrCat("<LeaseDuration>", options.lease_duration, "</LeaseDuration>");
  std::string peers;
  for (const std::string& address : options.peers) absl::StrAppend(&peers, "<Peer address=\"", address, "\"/>");
  std::string tracing;
  if (!options.trace_file.empty()) {
    tracing = absl::StrCat("<Tracing><Verbosity>", options.trace_verbosity, "</Verbosity><OutputFile>",
                           options.trace_file, "</OutputFile></Tracing>");
  }
  return absl::Substitute(
      R"(<CycloneDDS xmlns="https://cdds.io/config"><Domain id="$0"><General><Interfaces><NetworkInterface name="$5" multicast="false"/></Interfaces><AllowMulticast>false</AllowMulticast></General><Discovery><ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>$1</MaxAutoParticipantIndex><Peers>$6</Peers>$2</Discovery>$3$4</Domain></CycloneDDS>)",
      options.domain, options.max_participant_index, lease, security, tracing, options.interface, peers);
}

}  // namespace ddskey::test
