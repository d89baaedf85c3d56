#include "test/support/test_daemon.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace ddskey::test {
namespace {

constexpr char kSoftware[] = R"(backend { name: "software" software {} })";
constexpr char kRootMayAll[] = R"(
rule {
  name: "root" effect: ALLOW caller { uid: 0 } key: "*"
  operation: [HANDSHAKE, OWN_TRUST, SIGN_DIGEST, SIGN_PKCS1, KEY_CREATE, KEY_LIST, KEY_DELETE, CSR_CREATE,
              CERTIFICATE_INSTALL, STATUS, TRUST_CHANGE, OCSP_INSTALL, IDENTITY_RENEW, IDENTITY_STATE, STORE_CHECK,
              BACKUP, RESTORE, KEY_IMPORT, KEY_EXPORT, ATTEST, CREDENTIAL_ACTIVATE, PCR_APPROVE,
              BACKEND_UNLOCK]
}
)";

[[noreturn]] void Give(const std::string& what) {
  std::fprintf(stderr, "TestDaemon: %s\n", what.c_str());
  std::abort();
}

}  // namespace

TestDaemon::TestDaemon(const Options& options) {
  chmod(dir_.path().c_str(), 0755);
  Configure(options);
  admin_ = std::make_unique<SocketAdminClient>(admin_socket());
  Start();
}

void TestDaemon::Configure(const Options& options) {
  dir_.Write("policy.textproto", options.policy.empty() ? kRootMayAll : options.policy);
  dir_.Write("config.textproto",
             absl::StrCat("socket: \"", socket(), "\"\nadmin_socket: \"", admin_socket(), "\"\nstate_directory: \"",
                          dir_.File("state"), "\"\nruntime_directory: \"", dir_.File("run"), "\"\npolicy_file: \"",
                          dir_.File("policy.textproto"), "\"\nlog { target: \"stderr\" }\n",
                          options.backends.empty() ? kSoftware : options.backends, "\n", options.more));
  for (const char* file : {"policy.textproto", "config.textproto"}) chmod(dir_.File(file).c_str(), 0600);
}

TestDaemon::~TestDaemon() {
  if (::testing::Test::HasFailure()) std::fprintf(stderr, "--- log of the daemon\n%s---\n", Log().c_str());
}

TestDaemon::Options TestDaemon::WithTpm(const std::string& tcti) {
  Options options;
  options.backends = absl::StrCat("backend { name: \"tpm\" tpm2 { tcti: \"", tcti, "\" } }");
  return options;
}

void TestDaemon::Start() {
  Process::Options options;
  options.output = dir_.File("log");
  process_ = Process::Start({"daemon/ddskeyd", "--config", dir_.File("config.textproto")}, options);
  const bool serves = WaitFor([this] { return admin_->GetStatus({}).ok() || !process_->Running(); });
  if (!serves || !process_->Running()) Give(absl::StrCat("it does not serve\n", Log()));
}

int TestDaemon::Stop() {
  process_->Signal(SIGTERM);
  return process_->Wait().value_or(-1);
}

void TestDaemon::SetPolicy(const std::string& policy) {
  const auto lines = [this] {
    const std::string log = Log();
    size_t count = 0;
    for (size_t at = log.find("policy: "); at != std::string::npos; at = log.find("policy: ", at + 1)) ++count;
    return count;
  };
  const size_t before = lines();
  dir_.Write("policy.textproto.new", policy);
  chmod(dir_.File("policy.textproto.new").c_str(), 0600);
  std::rename(dir_.File("policy.textproto.new").c_str(), dir_.File("policy.textproto").c_str());
  process_->Signal(SIGHUP);
  if (!WaitFor([&] { return lines() > before; })) Give("the policy was not read again");
}

std::string TestDaemon::Enroll(const std::string& name, const TestCa& ca, const CertificateOptions& certificate,
                               const std::string& algorithm, const std::string& backend) {
  v1::CreateKeyRequest create;
  create.set_name(name);
  create.set_algorithm(algorithm);
  create.set_backend(backend);
  return Enroll(create, ca, certificate);
}

std::string TestDaemon::Enroll(const v1::CreateKeyRequest& create, const TestCa& ca,
                               const CertificateOptions& certificate) {
  const std::string& name = create.name();
  const auto created = admin_->CreateKey(create);
  if (!created.ok()) Give(absl::StrCat("no key: ", created.status().ToString(), "\n", Log()));
  std::string pem = ca.Issue(PublicKeyOf(created->key()), certificate);
  v1::InstallCertificateRequest install;
  install.set_key_name(name);
  install.set_certificate_chain(pem);
  install.set_anchors(ca.certificate());
  const auto installed = admin_->InstallCertificate(install);
  if (!installed.ok()) Give(absl::StrCat("no certificate: ", installed.status().ToString(), "\n", Log()));
  return pem;
}

std::string TestDaemon::PublicKeyOf(const v1::Key& key) {
  const std::string base64 = absl::StrReplaceAll(
      key.public_key_pem(), {{"-----BEGIN PUBLIC KEY-----", ""}, {"-----END PUBLIC KEY-----", ""}, {"\n", ""}});
  std::string der;
  if (!absl::Base64Unescape(base64, &der)) Give("the public key of a key is not PEM");
  return der;
}

v1::GetStatusResponse TestDaemon::Status() {
  auto status = admin_->GetStatus({});
  if (!status.ok()) Give(absl::StrCat("no status: ", status.status().ToString()));
  return *std::move(status);
}

}  // namespace ddskey::test
