#include "test/support/sros2_keystore.h"

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace ddskey::test {
namespace {

namespace fs = std::filesystem;

void Write(const fs::path& path, const std::string& content) { std::ofstream(path, std::ios::binary) << content; }

// CreateLink makes a relative link, as sros2's create_symlink is called.
void CreateLink(const fs::path& target, const fs::path& link) {
  fs::create_symlink(target.is_relative() ? target : target.lexically_relative(link.parent_path()), link);
}

TestCa MakeCa(const std::string& name) {
  CertificateOptions options;
  options.extensions = {{"basicConstraints", "critical,CA:TRUE,pathlen:1"}};
  return TestCa::Root(name, TestKeyType::kEcP256, options);
}

// sros2/policy/defaults/dds/governance.xml
std::string Governance(int domain) {
  return absl::StrCat(R"(<dds xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:noNamespaceSchemaLocation="http://www.omg.org/spec/DDS-SECURITY/20170901/omg_shared_ca_governance.xsd">
    <domain_access_rules>
        <domain_rule>
            <domains>
              <id>)",
                      domain, R"(</id>
            </domains>
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
</dds>
)");
}

// What sros2/policy/templates/dds/permissions.xsl makes of sros2/policy/defaults/policy.xml.
std::string Permissions(const std::string& subject, int domain) {
  const auto date = [](absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%S", time, absl::UTCTimeZone()); };
  const std::string domains = absl::StrCat("<domains><id>", domain, "</id></domains>");
  const auto both = [](const std::string& topics) {
    return absl::StrCat("<publish><topics>", topics, "</topics></publish>\n<subscribe><topics>", topics,
                        "</topics></subscribe>\n");
  };
  return absl::StrCat(
      R"(<dds xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="http://www.omg.org/spec/DDS-SECURITY/20170901/omg_shared_ca_permissions.xsd">
  <permissions>
    <grant name="/enclave">
      <subject_name>)",
      subject, "</subject_name>\n<validity><not_before>", date(absl::Now() - absl::Hours(24)),
      "</not_before><not_after>", date(absl::Now() + absl::Hours(24 * 3650)), "</not_after></validity>\n<allow_rule>",
      domains, both("<topic>rq/*Request</topic><topic>rr/*Reply</topic><topic>rt/*</topic>"),
      "</allow_rule>\n<allow_rule>", domains, both("<topic>ros_discovery_info</topic>"),
      "</allow_rule>\n<default>DENY</default>\n</grant>\n</permissions>\n</dds>\n");
}

}  // namespace

CertificateOptions Sros2Subject(const std::string& name) {
  CertificateOptions options;
  options.subject = {{"CN", name}};
  options.extensions = {{"basicConstraints", "CA:FALSE"}};
  return options;
}

Sros2Keystore::Sros2Keystore(std::string folder, bool one_ca, int domain)
    : folder_(std::move(folder)),
      identity_ca_(MakeCa("sros2CA")),
      permissions_ca_(one_ca ? identity_ca_ : MakeCa("permissions CA")),
      domain_(domain) {
  const fs::path root = folder_;
  for (const char* part : {"public", "private", "enclaves"}) fs::create_directories(root / part);
  if (one_ca) {
    Write(root / "public/ca.cert.pem", identity_ca_.certificate());
    Write(root / "private/ca.key.pem", identity_ca_.key().pem());
    for (const char* role : {"identity", "permissions"}) {
      CreateLink("ca.cert.pem", absl::StrCat(folder_, "/public/", role, "_ca.cert.pem"));
      CreateLink("ca.key.pem", absl::StrCat(folder_, "/private/", role, "_ca.key.pem"));
    }
  } else {
    Write(root / "public/identity_ca.cert.pem", identity_ca_.certificate());
    Write(root / "private/identity_ca.key.pem", identity_ca_.key().pem());
    Write(root / "public/permissions_ca.cert.pem", permissions_ca_.certificate());
    Write(root / "private/permissions_ca.key.pem", permissions_ca_.key().pem());
  }
  Write(root / "enclaves/governance.xml", Governance(domain_));
  Write(root / "enclaves/governance.p7s", permissions_ca_.SignDocument(Governance(domain_)));
}

std::string Sros2Keystore::SignedPermissions(const std::string& subject) const {
  return permissions_ca_.SignDocument(Permissions(subject, domain_));
}

std::string Sros2Keystore::AddEnclave(const std::string& name) const {
  const fs::path root = folder_;
  const fs::path enclave = Enclave(name);
  fs::create_directories(enclave);
  for (const char* document : {"identity_ca.cert.pem", "permissions_ca.cert.pem"}) {
    CreateLink(root / "public" / document, enclave / document);
  }
  CreateLink(root / "enclaves/governance.p7s", enclave / "governance.p7s");
  const TestKey key = TestKey::Generate();
  Write(enclave / "key.pem", key.pem());
  Write(enclave / "cert.pem", identity_ca_.Issue(key.public_key(), Sros2Subject(name)));
  Write(enclave / "permissions.xml", Permissions("CN=" + name, domain_));
  Write(enclave / "permissions.p7s", SignedPermissions("CN=" + name));
  return enclave;
}

}  // namespace ddskey::test
