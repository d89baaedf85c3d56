#include "daemon/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <string>

#include "test/support/status_matchers.h"
#include "test/support/temp_dir.h"

namespace ddskey {
namespace {

using test::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;
using enum absl::StatusCode;

std::string ErrorsOf(const std::string& text) {
  const auto config = ParseConfig(text, "file");
  return config.ok() ? "" : std::string(config.status().message());
}

TEST(ConfigTest, FillsInWhatTheFileLeavesOut) {
  ASSERT_OK_AND_ASSIGN(const v1::Config config, ParseConfig("", "file"));
  EXPECT_EQ(config.socket(), "/run/ddskeyd/ddskeyd.sock");
  EXPECT_EQ(config.admin_socket(), "/run/ddskeyd/admin.sock");
  EXPECT_EQ(config.state_directory(), "/var/lib/ddskeyd");
  EXPECT_EQ(config.runtime_directory(), "/run/ddskeyd");
  EXPECT_EQ(config.policy_file(), "/etc/ddskeyd/policy.textproto");
  ASSERT_EQ(config.backend_size(), 1);
  EXPECT_EQ(config.backend(0).name(), "software");
  EXPECT_EQ(config.backend(0).software().secret_file(), "/var/lib/ddskeyd/software.secret");
  EXPECT_EQ(config.log().level(), "info");
  EXPECT_EQ(config.log().target(), "auto");
  EXPECT_EQ(SocketMode(config.socket_mode()), 0666u);
  EXPECT_EQ(SocketMode(config.admin_socket_mode()), 0600u);
  EXPECT_EQ(config.SerializeAsString(), DefaultConfig().SerializeAsString());
}

TEST(ConfigTest, KeepsWhatTheFileSays) {
  ASSERT_OK_AND_ASSIGN(const v1::Config config, ParseConfig(R"(
      # A comment.
      socket: "/tmp/a"  state_directory: "/tmp/state"  socket_mode: "0660"
      backend { name: "tpm" tpm2 { tcti: "swtpm:path=/tmp/s" } }
      backend { name: "second-tpm" tpm2 {} }
      backend { name: "soft" software { secret_file: "/tmp/secret" } }
      backend { name: "soft2" software {} }
      limits { connections: 7 })",
                                                            "file"));
  EXPECT_EQ(config.socket(), "/tmp/a");
  EXPECT_EQ(SocketMode(config.socket_mode()), 0660u);
  EXPECT_EQ(config.backend(0).tpm2().tcti(), "swtpm:path=/tmp/s");
  EXPECT_EQ(config.backend(1).tpm2().tcti(), "device:/dev/tpmrm0");
  EXPECT_EQ(config.backend(2).software().secret_file(), "/tmp/secret");
  EXPECT_EQ(config.backend(3).software().secret_file(), "/tmp/state/software.secret");
  EXPECT_EQ(config.limits().connections(), 7u);
}

TEST(ConfigTest, TakesTheDirectoriesThatSystemdMade) {
  setenv("STATE_DIRECTORY", "/srv/state:/srv/other", 1);
  setenv("RUNTIME_DIRECTORY", "/srv/run", 1);
  const v1::Config config = DefaultConfig();
  unsetenv("STATE_DIRECTORY");
  unsetenv("RUNTIME_DIRECTORY");
  EXPECT_EQ(config.state_directory(), "/srv/state");
  EXPECT_EQ(config.runtime_directory(), "/srv/run");
}

TEST(ConfigTest, NamesLineAndColumnOfASyntaxError) {
  EXPECT_THAT(ErrorsOf("socket: \"/tmp/a\"\nlimits { connections: \"many\" }"), HasSubstr("file:2:23: "));
  EXPECT_THAT(ErrorsOf("socket \"/tmp/a"), HasSubstr("file:1:"));
}

TEST(ConfigTest, ReportsEachUnknownField) {
  const std::string errors = ErrorsOf("sockets: \"/tmp/a\"\n\n  log { levels: \"info\" }\n");
  EXPECT_THAT(errors, HasSubstr("file:1:8: "));
  EXPECT_THAT(errors, HasSubstr("sockets"));
  EXPECT_THAT(errors, HasSubstr("file:3:15: "));
  EXPECT_THAT(errors, HasSubstr("levels"));
}

TEST(ConfigTest, ReportsEachMistakeOfMeaningWithItsPlace) {
  const std::string errors = ErrorsOf(R"(socket: "relative"
socket_mode: "rw"
admin_socket_mode: "7777"
backend { name: "a" software {} }
backend { name: "a" software {} }
backend { name: "B!" tpm2 { tcti: "cmd:touch /tmp/x" } }
backend { software { secret_file: "s" } }
backend { name: "c" }
log { level: "loud" target: "syslog" }
limits { connections: 1000001 }
backend { name: "d" tpm2 {} }
backend { name: "e" tpm2 { tcti: "device:/dev/tpmrm0" } }
)");
  for (const char* mistake :
       {"file:1:1: socket: must be an absolute path", "file:2:1: socket_mode: ", "file:3:1: admin_socket_mode: ",
        "file:5:11: name: there is another backend named a", "file:6:11: name: must be", "file:6:29: tcti: must begin",
        "file:7:1: backend: needs a name", "file:7:22: secret_file: must be an absolute path",
        "file:8:1: backend: needs one of", "file:9:7: level: must be one of", "file:9:21: target: must be one of",
        "file:10:10: connections: must be at most", "file:12:28: tcti: another backend has this TPM"}) {
    EXPECT_THAT(errors, HasSubstr(mistake));
  }
}

TEST(ConfigTest, AStorageRootNameIsANameOfTheTpm) {
  const auto errors = [](const std::string& name) {
    return ErrorsOf("backend { name: \"a\" tpm2 { storage_root_name: \"" + name + "\" } }");
  };
  for (const std::string& wrong : {std::string("0x81000001"), "000b" + std::string(63, 'a'),
                                   "000b" + std::string(64, 'g'), "0004" + std::string(40, 'a')}) {
    EXPECT_THAT(errors(wrong), HasSubstr("storage_root_name:")) << wrong;
  }
  EXPECT_OK(
      ParseConfig("backend { name: \"a\" tpm2 { storage_root_name: \"000b" + std::string(64, 'a') + "\" } }", ""));
}

TEST(ConfigTest, S13RefusesATctiThatRunsAProgramOrLoadsALibrary) {
  for (const char* tcti : {"cmd:sh", "pcap:device:/dev/tpm0", "libtss2-tcti-cmd.so.0:sh", "/tmp/lib.so", "devices:x"}) {
    EXPECT_THAT(ErrorsOf("backend { name: \"a\" tpm2 { tcti: \"" + std::string(tcti) + "\" } }"), HasSubstr("tcti:"))
        << tcti;
  }
}

TEST(ConfigTest, NamesTokensAndTheirModules) {
  ASSERT_OK_AND_ASSIGN(const v1::Config config, ParseConfig(R"(
      backend { name: "a" pkcs11 { module: "/lib/a.so" token_label: "a" environment: "A=b" environment: "C=" } }
      backend { name: "b" pkcs11 { module: "pkcs11:module-name=b" token_serial: "1" sessions: 2 call_timeout_ms: 500 } }
      backend { name: "c" pkcs11 { helper_socket: "/run/helper" } })",
                                                            "file"));
  EXPECT_EQ(config.backend(0).pkcs11().sessions(), 8U);
  EXPECT_EQ(config.backend(0).pkcs11().call_timeout_ms(), 10'000U);
  EXPECT_EQ(config.backend(0).pkcs11().helper(), "/usr/libexec/ddskeyd/ddskeyd-pkcs11");
  EXPECT_EQ(config.backend(1).pkcs11().sessions(), 2U);
  EXPECT_EQ(config.backend(1).pkcs11().call_timeout_ms(), 500U);
  EXPECT_EQ(config.backend(2).pkcs11().helper(), "");
}

TEST(ConfigTest, S13ReportsEachMistakeAboutTokens) {
  const std::string errors = ErrorsOf(R"(backend { name: "a" pkcs11 {} }
backend { name: "b" pkcs11 { module: "lib.so" sessions: 9 } }
backend { name: "c" pkcs11 { module: "/lib.so" environment: "A" call_timeout_ms: 1 helper: "x" } }
backend { name: "d" pkcs11 { helper_socket: "/run/s" token_label: "d" needs_network: true same_user: true } }
backend { name: "e" pkcs11 { module: "/lib.so" token_label: "e" } }
backend { name: "f" pkcs11 { module: "/lib.so" token_label: "e" } }
)");
  for (const char* mistake :
       {"file:1:21: pkcs11: needs a module", "file:2:30: module: must be an absolute path",
        "file:2:47: sessions: must be", "file:3:48: environment: must be NAME=value",
        "file:3:65: call_timeout_ms: must be 100 to 600000", "file:3:84: helper: must be an absolute path",
        "file:4:54: token_label: belongs into the unit", "file:4:71: needs_network: belongs into the unit",
        "file:4:91: same_user: belongs into the unit", "file:6:21: pkcs11: another backend has this token"}) {
    EXPECT_THAT(errors, HasSubstr(mistake));
  }
}

TEST(ConfigTest, NamesFilesOfRevocationLists) {
  ASSERT_OK_AND_ASSIGN(const v1::Config config, ParseConfig(R"(
      revocation_list_file { path: "/etc/a.crl" }
      revocation_list_file { path: "/etc/b.crl" key: "robot-*" key: "talker" }
      clock { unset: WARN })",
                                                            "file"));
  ASSERT_EQ(config.revocation_list_file_size(), 2);
  EXPECT_EQ(config.revocation_list_file(1).key_size(), 2);
  EXPECT_EQ(config.clock().unset(), v1::Clock::WARN);
  EXPECT_EQ(DefaultConfig().clock().unset(), v1::Clock::REFUSE);
}

TEST(ConfigTest, ReportsEachMistakeAboutFilesOfRevocationLists) {
  const std::string errors = ErrorsOf(R"(revocation_list_file { key: "*" }
revocation_list_file { path: "b.crl" }
revocation_list_file { path: "/a" }
revocation_list_file { path: "/a" }
revocation_list_file { path: "/c" key: "ok" key: "not/ok" }
)");
  for (const char* mistake : {"file:1:1: revocation_list_file: needs a path", "file:2:24: path: must be an absolute",
                              "file:4:24: path: /a is named twice", "file:5:45: key: must be 1 to 128"}) {
    EXPECT_THAT(errors, HasSubstr(mistake));
  }
  std::string text;
  for (int i = 0; i < 256; ++i) text += "revocation_list_file { path: \"/" + std::to_string(i) + "\" }\n";
  EXPECT_EQ(ErrorsOf(text), "");
  EXPECT_THAT(ErrorsOf(text + "revocation_list_file { path: \"/last\" }"), HasSubstr("at most 256"));
  EXPECT_THAT(ErrorsOf("clock { unset: LATER }"), HasSubstr("file:1:"));
}

TEST(ConfigTest, RefusesTooManyBackends) {
  std::string text;
  for (int i = 0; i < 16; ++i) text += "backend { name: \"b" + std::to_string(i) + "\" software {} }\n";
  EXPECT_EQ(ErrorsOf(text), "");
  EXPECT_THAT(ErrorsOf(text + "backend { name: \"last\" software {} }"), HasSubstr("file:17:1: backend: at most 16"));
}

TEST(ConfigTest, RefusesSocketsThatCannotBeBound) {
  EXPECT_THAT(ErrorsOf("socket: \"/" + std::string(103, 'x') + "\""), HasSubstr("at most 103 characters"));
  EXPECT_EQ(ErrorsOf("socket: \"/" + std::string(102, 'x') + "\""), "");
  EXPECT_THAT(ErrorsOf("socket: \"/run/ddskeyd/admin.sock\""), HasSubstr("must not be the same"));
}

TEST(ConfigTest, LoadsAFile) {
  const test::TempDir dir;
  const std::string path = dir.Write("config", "socket: \"/tmp/a\"");
  ASSERT_OK_AND_ASSIGN(const v1::Config config, LoadConfig(path));
  EXPECT_EQ(config.socket(), "/tmp/a");
  EXPECT_THAT(LoadConfig(dir.File("absent")), StatusIs(kNotFound));
}

TEST(ConfigTest, S14RefusesAFileThatOthersMayWrite) {
  const test::TempDir dir;
  const std::string path = dir.Write("config", "");
  ASSERT_EQ(chmod(path.c_str(), 0664), 0);
  EXPECT_THAT(LoadConfig(path), StatusIs(kPermissionDenied, HasSubstr("run: chmod go-w " + path)));
}

}  // namespace
}  // namespace ddskey
