#include "test/interop/secured_domain.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "daemon/handshake/participant_data.h"
#include "daemon/trust/certificate.h"
#include "test/support/ocsp.h"
#include "test/support/sanitizer.h"

namespace ddskey::interop {
namespace {

using test::Named;

constexpr int kDomain = 6;

std::string AlgorithmOf(test::TestKeyType type) {
  switch (type) {
    case test::TestKeyType::kEcP256:
      return "ec-p256";
    case test::TestKeyType::kRsa2048:
      return "rsa-2048";
    default:
      std::fputs("SecuredDomain: there are no participants with such keys\n", stderr);
      std::abort();
  }
}

}  // namespace

std::string NameOf(Stack stack) {
  switch (stack) {
    case Stack::kCycloneInCustody:
      return "Cyclone DDS with ddskeyd";
    case Stack::kCyclone:
      return "Cyclone DDS";
    case Stack::kFastDds:
      return "Fast DDS";
    case Stack::kFastDdsInCustody:
      return "Fast DDS with ddskeyd";
  }
  return {};
}

GreeterProcess::GreeterProcess(const std::vector<std::string>& command, test::Process::Options options) {
  options.output = folder_.File("output");
  process_ = test::Process::Start(command, options);
}

size_t GreeterProcess::Heard(const std::string& from) const {
  const std::string line_end = absl::StrCat(" from ", from, "\n");
  const std::string output = Output();
  size_t count = 0;
  for (size_t at = output.find(line_end); at != std::string::npos; at = output.find(line_end, at + 1)) ++count;
  return count;
}

bool GreeterProcess::WaitToHear(const std::string& from, size_t count, std::chrono::milliseconds limit) const {
  test::WaitFor([&] { return Heard(from) > count || !process_->Running(); }, limit);
  return Heard(from) > count;
}

std::pair<std::string, std::string> SecuredDomain::InOrder() const {
  const std::string any_key = test::TestKey::Generate().public_key();
  const auto hash = [&](const std::string& name) {
    const std::string certificate = pki_.identity_ca().Issue(any_key, Named(name));
    return AdjustedGuid(Certificate::ParsePem(certificate)->front().subject_der(), Guid());
  };
  return hash("alice") < hash("bob") ? std::pair("alice", "bob") : std::pair("bob", "alice");
}

void SecuredDomain::Enroll(Stack stack, const std::string& name) {
  if (stack == Stack::kCyclone || stack == Stack::kFastDds) return pki_.AddParticipant(name, options_.keys);
  v1::CreateKeyRequest key;
  key.set_name(name);
  key.set_algorithm(AlgorithmOf(options_.keys));
  key.set_purpose(stack == Stack::kFastDdsInCustody ? "digest" : "handshake");
  const std::string certificate = daemon_.Enroll(key, pki_.identity_ca(), Named(name));
  pki_.AddCertified(name, certificate);
  if (options_.chain_and_staple) AddChainAndStaple(name, certificate);
}

void SecuredDomain::AddChainAndStaple(const std::string& name, const std::string& certificate) {
  const auto must = [](const absl::Status& status) {
    if (status.ok()) return;
    std::fprintf(stderr, "SecuredDomain: %s\n", status.ToString().c_str());
    std::abort();
  };
  v1::SetTrustOptionsRequest options;
  options.set_key_name(name);
  options.set_keep_pem_text(true);
  must(daemon_.admin().SetTrustOptions(options).status());
  v1::InstallCertificateRequest chain;
  chain.set_key_name(name);
  std::string text;
  if (test::Run({"openssl", "x509", "-text", "-in", pki_.File(name + ".pem")}, &text) != 0) std::abort();
  chain.set_certificate_chain(text + pki_.identity_ca().certificate());
  must(daemon_.admin().InstallCertificate(chain).status());
  v1::InstallOcspResponseRequest staple;
  staple.set_key_name(name);
  staple.set_ocsp_response(test::MakeOcspResponse(pki_.identity_ca(), {certificate}));
  must(daemon_.admin().InstallOcspResponse(staple).status());
}

std::unique_ptr<GreeterProcess> SecuredDomain::Start(Stack stack, const std::string& name, int lives) const {
  const bool fast = stack == Stack::kFastDds || stack == Stack::kFastDdsInCustody;
  std::vector<std::string> command = {fast ? "test/interop/fast_greeter" : "test/interop/cyclone_greeter", name};
  if (lives > 0) command.push_back(std::to_string(lives));
  return std::make_unique<GreeterProcess>(command, fast ? ForFastDds(stack, name) : ForCyclone(stack, name));
}

test::Process::Options SecuredDomain::ForCyclone(Stack stack, const std::string& name) const {
  test::CycloneOptions cyclone = test::CycloneOptions::For(pki_, name, kDomain);
  cyclone.lease_duration = options_.lease;
  if (stack == Stack::kCycloneInCustody) {
    cyclone.private_key = absl::StrCat("ddskey:", name);
    cyclone.library = std::filesystem::absolute("plugin_shim/cyclonedds/libddskey_cyclonedds.so");
  }
  test::Process::Options options;
  options.environment = test::SanitizerEnvironment();
  options.environment["CYCLONEDDS_URI"] = test::CycloneConfig(cyclone);
  options.environment["DDSKEY_SOCKET"] = daemon_.socket();
  return options;
}

test::Process::Options SecuredDomain::ForFastDds(Stack stack, const std::string& name) const {
  constexpr char kAuthentication[] = "dds.sec.auth.builtin.PKI-DH.";
  constexpr char kAccess[] = "dds.sec.access.builtin.Access-Permissions.";
  const auto file = [this](const char* prefix, const char* property, const std::string& document) {
    return absl::StrCat(prefix, property, "=file://", pki_.File(document), "\n");
  };
  const bool in_custody = stack == Stack::kFastDdsInCustody;
  test::Process::Options options;
  if (in_custody) {
    options.environment["DDSKEY_SOCKET"] = daemon_.socket();
    options.environment["PKCS11_MODULE_PATH"] = std::filesystem::absolute("plugin_shim/pkcs11/libddskey_pkcs11.so");
  }
  options.environment["GREETER_DOMAIN"] = std::to_string(kDomain);
  options.environment["GREETER_SECURITY"] = absl::StrCat(
      "dds.sec.auth.plugin=builtin.PKI-DH\n", "dds.sec.access.plugin=builtin.Access-Permissions\n",
      "dds.sec.crypto.plugin=builtin.AES-GCM-GMAC\n", file(kAuthentication, "identity_ca", "identity_ca.pem"),
      file(kAuthentication, "identity_certificate", name + ".pem"),
      in_custody ? absl::StrCat(kAuthentication, "private_key=pkcs11:object=", name, "\n")
                 : file(kAuthentication, "private_key", name + ".key"),
      file(kAccess, "permissions_ca", "permissions_ca.pem"), file(kAccess, "governance", "governance.p7s"),
      file(kAccess, "permissions", name + ".permissions.p7s"));
  return options;
}

}  // namespace ddskey::interop
