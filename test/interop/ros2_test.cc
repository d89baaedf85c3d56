// Applications whose participants get their security from enclaves, in the way of rmw_cyclonedds and rmw_fastrtps,
// before and after ddskeyctl ros2 migrate-enclave. A fleet migrates one by one, so both kinds meet. ROS 2 itself is not
// here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "test/interop/secured_domain.h"
#include "test/support/process.h"
#include "test/support/sros2_keystore.h"
#include "test/support/temp_dir.h"
#include "test/support/test_daemon.h"

namespace ddskey::interop {
namespace {

namespace fs = std::filesystem;
using test::ReadFile;

constexpr int kDomain = 6;

// SecurityFiles is get_security_files() of rmw_dds_common: the URI of each document, a .p11 file first where the
// middleware takes one.
std::map<std::string, std::string> SecurityFiles(bool takes_pkcs11, const std::string& prefix,
                                                 const fs::path& enclave) {
  std::map<std::string, std::string> files;
  for (const auto& [name, file] :
       std::vector<std::pair<std::string, std::string>>{{"identity_ca", "identity_ca.cert"},
                                                        {"certificate", "cert"},
                                                        {"private_key", "key"},
                                                        {"permissions_ca", "permissions_ca.cert"}}) {
    std::string uri;
    std::ifstream token(enclave / (file + ".p11"));
    if (takes_pkcs11 && token >> uri && uri.starts_with("pkcs11:")) {
      files[name] = uri;
    } else {
      EXPECT_TRUE(fs::is_regular_file(enclave / (file + ".pem"))) << file;
      files[name] = prefix + (enclave / (file + ".pem")).string();
    }
  }
  files["governance"] = prefix + (enclave / "governance.p7s").string();
  files["permissions"] = prefix + (enclave / "permissions.p7s").string();
  return files;
}

// CycloneProperties is configure_qos_for_security() of rmw_cyclonedds_cpp.
std::string CycloneProperties(const std::string& enclave) {
  std::map<std::string, std::string> files = SecurityFiles(false, "file:", enclave);
  std::string properties = absl::StrCat(
      "dds.sec.auth.identity_ca=", files["identity_ca"], "\ndds.sec.auth.identity_certificate=", files["certificate"],
      "\ndds.sec.auth.private_key=", files["private_key"], "\ndds.sec.access.permissions_ca=", files["permissions_ca"],
      "\ndds.sec.access.governance=", files["governance"], "\ndds.sec.access.permissions=", files["permissions"], "\n");
  for (const auto& [plugin, library, function] : std::vector<std::array<std::string, 3>>{
           {"auth", "auth", "authentication"}, {"crypto", "crypto", "crypto"}, {"access", "ac", "access_control"}}) {
    absl::StrAppend(&properties, "dds.sec.", plugin, ".library.path=dds_security_", library, "\ndds.sec.", plugin,
                    ".library.init=init_", function, "\ndds.sec.", plugin, ".library.finalize=finalize_", function,
                    "\n");
  }
  return properties;
}

// FastProperties is what create_participant() of rmw_fastrtps_shared_cpp sets.
std::string FastProperties(const std::string& enclave) {
  std::map<std::string, std::string> files = SecurityFiles(true, "file://", enclave);
  const std::string authentication = "dds.sec.auth.builtin.PKI-DH.";
  const std::string access = "dds.sec.access.builtin.Access-Permissions.";
  return absl::StrCat(
      "dds.sec.auth.plugin=builtin.PKI-DH\n", authentication, "identity_ca=", files["identity_ca"], "\n",
      authentication, "identity_certificate=", files["certificate"], "\n", authentication,
      "private_key=", files["private_key"],
      "\ndds.sec.crypto.plugin=builtin.AES-GCM-GMAC\ndds.sec.access.plugin=builtin.Access-Permissions\n", access,
      "permissions_ca=", files["permissions_ca"], "\n", access, "governance=", files["governance"], "\n", access,
      "permissions=", files["permissions"], "\n");
}

class Ros2Test : public ::testing::Test {
 protected:
  // Migrate runs ddskeyctl ros2 migrate-enclave, with the certification between the two runs unless `import`.
  void Migrate(const std::string& enclave, const std::string& application, bool import) {
    std::vector<std::string> command = {"client/cli/ddskeyctl",
                                        "--socket",
                                        daemon_.admin_socket(),
                                        "ros2",
                                        "migrate-enclave",
                                        keystore_.Enclave(enclave),
                                        "--for",
                                        application};
    if (import) command.emplace_back("--import");
    std::string output;
    ASSERT_EQ(test::Run(command, &output), 0) << output;
    if (import) return;
    const std::string certificate = dir_.File("new.pem");
    const std::string keystore = keystore_.folder();
    const std::string request = dir_.File("new.csr");
    const std::string name = enclave.substr(1);
    fs::remove(request);
    ASSERT_EQ(test::Run({"client/cli/ddskeyctl", "--socket", daemon_.admin_socket(), "csr", name, "--subject",
                         "CN=" + enclave, "--out", request},
                        &output),
              0)
        << output;
    ASSERT_EQ(test::Run({"openssl", "x509", "-req", "-in", request, "-CA", keystore + "/public/identity_ca.cert.pem",
                         "-CAkey", keystore + "/private/identity_ca.key.pem", "-CAcreateserial", "-days", "365", "-out",
                         certificate},
                        &output),
              0)
        << output;
    command.insert(command.end(), {"--name", name, "--certificate", certificate});
    ASSERT_EQ(test::Run(command, &output), 0) << output;
  }

  std::unique_ptr<GreeterProcess> StartCyclone(const std::string& name, bool with_plugin) const {
    test::Process::Options options = Common();
    options.environment["CYCLONEDDS_URI"] = absl::StrCat(
        "<CycloneDDS xmlns=\"https://cdds.io/config\"><Domain id=\"", kDomain,
        "\"><General><Interfaces><NetworkInterface name=\"lo\" multicast=\"false\"/></Interfaces><AllowMulticast>false"
        "</AllowMulticast></General><Discovery><ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>9"
        "</MaxAutoParticipantIndex><Peers><Peer address=\"127.0.0.1\"/></Peers></Discovery></Domain></CycloneDDS>");
    options.environment["GREETER_SECURITY"] = CycloneProperties(keystore_.Enclave(name));
    if (with_plugin) options.environment["LD_LIBRARY_PATH"] = fs::absolute("plugin_shim/cyclonedds");
    return std::make_unique<GreeterProcess>(std::vector<std::string>{"test/interop/cyclone_greeter", name}, options);
  }
  std::unique_ptr<GreeterProcess> StartFast(const std::string& name) const {
    test::Process::Options options = Common();
    options.environment["PKCS11_MODULE_PATH"] = fs::absolute("plugin_shim/pkcs11/libddskey_pkcs11.so");
    options.environment["GREETER_DOMAIN"] = std::to_string(kDomain);
    options.environment["GREETER_SECURITY"] = FastProperties(keystore_.Enclave(name));
    return std::make_unique<GreeterProcess>(std::vector<std::string>{"test/interop/fast_greeter", name}, options);
  }
  test::Process::Options Common() const {
    test::Process::Options options;
    options.environment["DDSKEY_SOCKET"] = daemon_.socket();
    // A topic as ROS 2 names it, which the enclaves' permissions are about.
    options.environment["GREETER_TOPIC"] = "rt/chatter";
    return options;
  }
  using Greeters = std::map<std::string, std::unique_ptr<GreeterProcess>>;
  static void ExpectTalk(const Greeters& greeters) {
    for (const auto& [listener, process] : greeters) {
      for (const auto& [talker, other] : greeters) {
        if (talker == listener) continue;
        EXPECT_TRUE(process->WaitToHear(talker)) << listener << " hears " << talker << ":\n" << process->Output();
      }
    }
  }

  const test::TempDir dir_;
  const test::Sros2Keystore keystore_{dir_.path(), false, kDomain};
  test::TestDaemon daemon_;
};

TEST_F(Ros2Test, MigratedEnclavesOfRmwCycloneddsTalkWithEachOtherAndWithOthers) {
  for (const char* enclave : {"/new_key", "/imported", "/not_migrated"}) keystore_.AddEnclave(enclave);
  Migrate("/new_key", "cyclonedds", false);
  Migrate("/imported", "cyclonedds", true);
  EXPECT_EQ(ReadFile(keystore_.Enclave("/imported") + "/key.pem"), "ddskey:imported\n");
  Greeters greeters;
  greeters["/new_key"] = StartCyclone("/new_key", true);
  greeters["/imported"] = StartCyclone("/imported", true);
  greeters["/not_migrated"] = StartCyclone("/not_migrated", false);
  ExpectTalk(greeters);
  EXPECT_GE(daemon_.Status().handshakes_allowed(), 2U) << "the daemon authenticates those that were migrated";
}

TEST_F(Ros2Test, MigratedEnclavesOfRmwFastrtpsTalkWithEachOtherAndWithOthers) {
  for (const char* enclave : {"/new_key", "/imported", "/not_migrated"}) keystore_.AddEnclave(enclave);
  Migrate("/new_key", "fastdds", false);
  Migrate("/imported", "fastdds", true);
  Greeters greeters;
  for (const char* enclave : {"/new_key", "/imported", "/not_migrated"}) greeters[enclave] = StartFast(enclave);
  ExpectTalk(greeters);
  EXPECT_NE(daemon_.Log().find("operation=\"SignDigest\""), std::string::npos);
}

TEST_F(Ros2Test, MigratedEnclavesOfBothMiddlewaresTalk) {
  for (const char* enclave : {"/cyclone", "/fast"}) keystore_.AddEnclave(enclave);
  Migrate("/cyclone", "cyclonedds", false);
  Migrate("/fast", "fastdds", true);
  Greeters greeters;
  greeters["/cyclone"] = StartCyclone("/cyclone", true);
  greeters["/fast"] = StartFast("/fast");
  ExpectTalk(greeters);
}

}  // namespace
}  // namespace ddskey::interop
