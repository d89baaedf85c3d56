// Requests of administrators (proto/ddskey/v1/admin.proto) to the daemon behind its socket.
// An input is a script of calls (rpc_daemon.h). {certificate:KEY} is one for that key, {next:KEY} one for the key
// that is to come after it, {ca} that of who issued them. All
// keys are gone afterwards.

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "ddskey/v1/admin.pb.h"
#include "proto/contract/key_name.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"
#include "test/fuzz/rpc_daemon.h"
#include "test/support/pki.h"

namespace ddskey::fuzz {
namespace {

const test::TestCa& Ca() {
  static const test::TestCa& ca = *new test::TestCa(test::TestCa::Root("identity CA"));
  return ca;
}

RpcDaemon::Answer Ask(const std::string& method, const google::protobuf::Message& request) {
  return RpcDaemon::Get().Call("AdminService", method, request.SerializeAsString());
}

v1::Key KeyOf(const std::string& name) {
  v1::GetKeyRequest request;
  request.set_name(name);
  v1::GetKeyResponse response;
  response.ParseFromString(Ask("GetKey", request).response);
  return response.key();
}

std::string Der(const std::string& pem) {
  std::string base64;
  for (const std::string_view line : Lines(pem)) {
    if (!line.starts_with("-----")) base64 += line;
  }
  std::string der;
  absl::Base64Unescape(base64, &der);
  return der;
}

std::string Expand(const std::string& name) {
  constexpr std::string_view kCertificate = "certificate:";
  constexpr std::string_view kNext = "next:";
  if (name == "ca") return Ca().certificate();
  const bool next = name.starts_with(kNext);
  if (!next && !name.starts_with(kCertificate)) return "{" + name + "}";
  const std::string key = name.substr(next ? kNext.size() : kCertificate.size());
  v1::Key found = KeyName::Parse(key).has_value() ? KeyOf(key) : v1::Key();
  if (next) {
    const v1::Key shown = found;
    for (const v1::KeyGeneration& generation : shown.generations()) {
      if (generation.state() == "next") found.set_public_key_pem(generation.public_key_pem());
    }
  }
  if (found.public_key_pem().empty()) return "no such key";
  test::CertificateOptions options;
  options.subject = {{"CN", "key"}};
  return Ca().Issue(Der(found.public_key_pem()), options);
}

// The planted bug: spaces around the name of a new key do not count.
std::string Planted(const std::string& octets) {
  v1::CreateKeyRequest request;
  if (!request.ParseFromString(octets)) return octets;
  std::string& name = *request.mutable_name();
  std::erase(name, ' ');
  return request.SerializeAsString();
}

// AskFor calls a method and checks the code of its answer; true if that is OK.
template <typename Request, typename Response>
bool AskFor(const std::string& method, const std::string& octets, Request& request, Response& response) {
  const bool well_formed = request.ParseFromString(octets);
  const RpcDaemon::Answer answer =
      RpcDaemon::Get().Call("AdminService", method, planted_bug && method == "CreateKey" ? Planted(octets) : octets);
  switch (answer.code) {
    case grpc::OK:
      Require(well_formed, "what is no message is refused");
      Require(response.ParseFromString(answer.response), "an answer is a message");
      return true;
    case grpc::INVALID_ARGUMENT:
    case grpc::NOT_FOUND:
    case grpc::ALREADY_EXISTS:
    case grpc::PERMISSION_DENIED:
    case grpc::FAILED_PRECONDITION:
    case grpc::ABORTED:
    case grpc::UNIMPLEMENTED:
    case grpc::RESOURCE_EXHAUSTED:
      return false;
    default:
      // gRPC refuses what cannot be parsed, before any handler.
      Require(!well_formed, "a refusal has a code that the administrator can act on");
      return false;
  }
}

template <typename Request, typename Response>
bool AskFor(const std::string& method, const std::string& octets) {
  Request request;
  Response response;
  return AskFor(method, octets, request, response);
}

void Create(const std::string& octets) {
  v1::CreateKeyRequest request;
  v1::CreateKeyResponse response;
  if (!AskFor("CreateKey", octets, request, response)) return;
  Require(KeyName::Parse(request.name()).has_value(), "S-13: a key has a name of a key");
  Require(response.key().name() == request.name() && KeyOf(request.name()).state() == "active", "a new key is there");
}

void Delete(const std::string& octets) {
  v1::DeleteKeyRequest request;
  v1::DeleteKeyResponse response;
  if (AskFor("DeleteKey", octets, request, response)) {
    Require(KeyOf(request.name()).state() != "active", "a deleted key is not there");
  }
}

void MakeRequest(const std::string& octets) {
  v1::CreateCertificateSigningRequestRequest request;
  v1::CreateCertificateSigningRequestResponse response;
  if (!AskFor("CreateCertificateSigningRequest", octets, request, response)) return;
  BIO* const in = BIO_new_mem_buf(response.csr_pem().data(), static_cast<int>(response.csr_pem().size()));
  X509_REQ* const made = PEM_read_bio_X509_REQ(in, nullptr, nullptr, nullptr);
  Require(made != nullptr && X509_REQ_verify(made, X509_REQ_get0_pubkey(made)) == 1, "a request is signed by its key");
  X509_REQ_free(made);
  BIO_free_all(in);
}

void Install(const std::string& octets) {
  v1::InstallCertificateRequest request;
  v1::InstallCertificateResponse response;
  if (!AskFor("InstallCertificate", octets, request, response)) return;
  BIO* const in =
      BIO_new_mem_buf(request.certificate_chain().data(), static_cast<int>(request.certificate_chain().size()));
  X509* const leaf = PEM_read_bio_X509(in, nullptr, nullptr, nullptr);
  unsigned char* der = nullptr;
  const int size = leaf == nullptr ? 0 : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
  const std::string public_key(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  Require(public_key == Der(KeyOf(request.key_name()).public_key_pem()), "a key gets a certificate of its own");
  OPENSSL_free(der);
  X509_free(leaf);
  BIO_free_all(in);
}

// Of the key in `state` of an identity, PEM.
std::string PublicKeyIn(const std::string& state, const v1::Key& key) {
  for (const v1::KeyGeneration& generation : key.generations()) {
    if (generation.state() == state) return generation.public_key_pem();
  }
  return "";
}

void Renew(const std::string& octets) {
  v1::RenewIdentityRequest request;
  v1::RenewIdentityResponse response;
  if (!AskFor("RenewIdentity", octets, request, response)) return;
  const v1::Key after = KeyOf(request.name());
  Require(!PublicKeyIn("next", after).empty(), "a renewal makes a next key");
  Require(after.certificate().sha256() == response.key().certificate().sha256(), "the current key stays in use");
}

void Complete(const std::string& octets) {
  v1::CompleteRenewalRequest request;
  v1::IdentityResponse response;
  request.ParseFromString(octets);
  const v1::Key before = KeyOf(request.name());
  if (!AskFor("CompleteRenewal", octets, request, response)) return;
  const v1::Key after = KeyOf(request.name());
  Require(after.certificate().subject() == before.certificate().subject(), "a renewal keeps the subject");
  const std::string next = PublicKeyIn("next", before);
  Require(after.public_key_pem() == (next.empty() ? before.public_key_pem() : next), "the next key comes into force");
}

void SetState(const std::string& octets) {
  v1::SetIdentityStateRequest request;
  v1::IdentityResponse response;
  if (!AskFor("SetIdentityState", octets, request, response)) return;
  const bool enabled = request.state() == v1::IDENTITY_STATE_ENABLED;
  Require(KeyOf(request.name()).state() == (enabled ? "active" : "disabled"),
          "an identity is in the state that it was set to");
}

void Restore(const std::string& octets) {
  v1::RestoreIdentityRequest request;
  v1::RestoreIdentityResponse response;
  if (!AskFor("RestoreIdentity", octets, request, response)) return;
  Require(KeyOf(request.identity().name()).generations_size() == request.identity().generations_size(),
          "a restored identity has all its keys");
}

// SayOfIdentities makes the calls about the life of identities; false if `method` is none of them.
bool SayOfIdentities(const std::string& method, const std::string& octets) {
  if (method == "RenewIdentity") {
    Renew(octets);
  } else if (method == "CompleteRenewal") {
    Complete(octets);
  } else if (method == "AbandonRenewal") {
    AskFor<v1::AbandonRenewalRequest, v1::IdentityResponse>(method, octets);
  } else if (method == "RollBackIdentity") {
    AskFor<v1::RollBackIdentityRequest, v1::IdentityResponse>(method, octets);
  } else if (method == "SetIdentityState") {
    SetState(octets);
  } else if (method == "CheckStore") {
    AskFor<v1::CheckStoreRequest, v1::CheckStoreResponse>(method, octets);
  } else if (method == "CheckIdentity") {
    AskFor<v1::CheckIdentityRequest, v1::CheckIdentityResponse>(method, octets);
  } else if (method == "GetBackup") {
    AskFor<v1::GetBackupRequest, v1::GetBackupResponse>(method, octets);
  } else if (method == "RestoreIdentity") {
    Restore(octets);
  } else {
    return false;
  }
  return true;
}

void Say(const std::string& method, const std::string& octets) {
  if (SayOfIdentities(method, octets)) return;
  if (method == "CreateKey") {
    Create(octets);
  } else if (method == "DeleteKey") {
    Delete(octets);
  } else if (method == "CreateCertificateSigningRequest") {
    MakeRequest(octets);
  } else if (method == "InstallCertificate") {
    Install(octets);
  } else if (method == "GetKey") {
    AskFor<v1::GetKeyRequest, v1::GetKeyResponse>(method, octets);
  } else if (method == "GetCertificate") {
    AskFor<v1::GetCertificateRequest, v1::GetCertificateResponse>(method, octets);
  } else if (method == "GetStatus") {
    AskFor<v1::GetStatusRequest, v1::GetStatusResponse>(method, octets);
  } else {
    AskFor<v1::ListKeysRequest, v1::ListKeysResponse>("ListKeys", octets);
  }
}

void PurgeAll() {
  v1::ListKeysRequest list;
  list.set_include_deleted(true);
  v1::ListKeysResponse keys;
  Require(keys.ParseFromString(Ask("ListKeys", list).response), "keys are listed");
  for (const v1::Key& key : keys.keys()) {
    v1::DeleteKeyRequest purge;
    purge.set_name(key.name());
    purge.set_purge(true);
    Require(Ask("DeleteKey", purge).code == grpc::OK, "what is listed can be purged");
  }
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey::fuzz;
  for (const RequestText& request : ReadRequests(AsText(data, size))) Say(request.method, Serialize(request, Expand));
  PurgeAll();
  return 0;
}
