#include "client/ros2/enclave.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/ca/openssl.h"
#include "client/ros2/signed_document.h"
#include "proto/contract/key_name.h"
#include "proto/contract/status_macros.h"

namespace ddskey::ros2 {
namespace {

using ca::OpensslPtr;

constexpr size_t kMostCertificates = 10;

struct Delete {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, Delete>;

absl::Status Named(const std::string& file, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(file, ": ", status.message()));
}

absl::Status Wrong(const std::string& file, const std::string& what) {
  ERR_clear_error();
  return absl::FailedPreconditionError(absl::StrCat(file, ": ", what));
}

absl::StatusOr<Owned<STACK_OF(X509)>> ReadChain(std::string_view pem, const std::string& file) {
  Owned<STACK_OF(X509)> chain(sk_X509_new_null());
  const OpensslPtr<BIO> in = ca::Reader(pem);
  while (true) {
    X509* certificate = X509_new_ex(ca::Library(), nullptr);
    const auto no_passphrase = [](char*, int, int, void*) { return -1; };
    if (PEM_read_bio_X509(in.get(), &certificate, no_passphrase, nullptr) == nullptr) {
      X509_free(certificate);
      break;
    }
    sk_X509_push(chain.get(), certificate);
  }
  ERR_clear_error();
  const auto count = static_cast<size_t>(sk_X509_num(chain.get()));
  if (count == 0) return absl::InvalidArgumentError(file + " holds no PEM certificate");
  if (count > kMostCertificates) return absl::InvalidArgumentError(file + " holds more than 10 certificates");
  return chain;
}

std::string DerOf(const X509_PUBKEY* key) {
  unsigned char* octets = nullptr;
  const int size = i2d_X509_PUBKEY(key, &octets);
  std::string der = size > 0 ? std::string(reinterpret_cast<char*>(octets), static_cast<size_t>(size)) : "";
  OPENSSL_free(octets);
  return der;
}

absl::StatusOr<std::string> DerOf(const EVP_PKEY* key) {
  unsigned char* octets = nullptr;
  const int size = key == nullptr ? 0 : i2d_PUBKEY(key, &octets);
  ERR_clear_error();
  if (size <= 0) return absl::InvalidArgumentError("this is no key");
  std::string der(reinterpret_cast<char*>(octets), static_cast<size_t>(size));
  OPENSSL_free(octets);
  return der;
}

std::string DigestOf(const X509* certificate) {
  unsigned char* octets = nullptr;
  const int size = i2d_X509(certificate, &octets);
  if (size <= 0) return "";
  std::string digest = ca::Sha256Text({reinterpret_cast<char*>(octets), static_cast<size_t>(size)});
  OPENSSL_free(octets);
  return digest;
}

// PermissionsDigest is that of TrustOptions: without NULs at the end.
std::string PermissionsDigest(std::string_view document) {
  return ca::Sha256Text(document.substr(0, document.find_last_not_of('\0') + 1));
}

std::vector<std::pair<std::string, std::string>> AttributesOf(const X509_NAME* name) {
  std::vector<std::pair<std::string, std::string>> attributes;
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const X509_NAME_ENTRY* const entry = X509_NAME_get_entry(name, i);
    const int number = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
    attributes.emplace_back(number == NID_undef ? "" : OBJ_nid2sn(number),
                            size < 0 ? "" : std::string(reinterpret_cast<char*>(text), static_cast<size_t>(size)));
    if (size >= 0) OPENSSL_free(text);
  }
  return attributes;
}

// VerifyChain verifies the path of the first certificate of `chain`, as the plugins of DDS Security do: without lists.
absl::Status VerifyChain(STACK_OF(X509) * chain, STACK_OF(X509) * anchors, const std::string& file, absl::Time now) {
  const Owned<X509_STORE> store(X509_STORE_new());
  for (int i = 0; i < sk_X509_num(anchors); ++i) X509_STORE_add_cert(store.get(), sk_X509_value(anchors, i));
  const Owned<X509_STORE_CTX> context(X509_STORE_CTX_new_ex(ca::Library(), nullptr));
  if (X509_STORE_CTX_init(context.get(), store.get(), sk_X509_value(chain, 0), chain) != 1) {
    return ca::OpensslError("verify " + file);
  }
  X509_STORE_CTX_set_time(context.get(), 0, absl::ToTimeT(now));
  X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context.get()), X509_V_FLAG_PARTIAL_CHAIN);
  if (X509_verify_cert(context.get()) == 1) return absl::OkStatus();
  const int error = X509_STORE_CTX_get_error(context.get());
  return Wrong(file, absl::StrCat("it is not good under identity_ca.cert.pem: ", X509_verify_cert_error_string(error)));
}

absl::Status CheckDates(const X509* certificate, const std::string& file, absl::Time now) {
  ASSIGN_OR_RETURN(const absl::Time from, ca::ReadTime(X509_get0_notBefore(certificate)));
  ASSIGN_OR_RETURN(const absl::Time until, ca::ReadTime(X509_get0_notAfter(certificate)));
  if (now < from) return Wrong(file, "it is not valid yet");
  if (now > until) return Wrong(file, "it has expired");
  return absl::OkStatus();
}

// CheckRoles sees that nobody who certifies participants may also say what they may do.
absl::Status CheckRoles(STACK_OF(X509) * identity, const X509* permissions, bool allow_one_ca, Enclave& enclave) {
  for (int i = 0; i < sk_X509_num(identity); ++i) {
    if (DerOf(X509_get_X509_PUBKEY(sk_X509_value(identity, i))) != DerOf(X509_get_X509_PUBKEY(permissions))) continue;
    if (!allow_one_ca) {
      return absl::FailedPreconditionError(
          "one key is identity CA and permissions CA: whoever has a participant certified by it may be able to sign "
          "permissions of its own. Make a permissions CA with a key of its own, or accept it with --allow-one-ca");
    }
    enclave.warnings.emplace_back(
        "One key is identity CA and permissions CA: a certified participant may be able to sign permissions of its "
        "own.");
  }
  return absl::OkStatus();
}

absl::Status CheckPermissions(const std::string& xml, const Enclave& enclave, absl::Time now) {
  ASSIGN_OR_RETURN(const std::vector<Grant> grants, ReadGrants(xml));
  std::string others;
  for (const Grant& grant : grants) {
    if (!SameSubject(grant.subject_name, enclave.subject)) {
      absl::StrAppend(&others, others.empty() ? "" : "; ", grant.subject_name);
    } else if (now >= grant.not_before && now <= grant.not_after) {
      return absl::OkStatus();
    } else {
      others = grant.subject_name + ", but not now";
      break;
    }
  }
  return absl::FailedPreconditionError(
      absl::StrCat("it grants nothing to ", enclave.subject, ", the subject of cert.pem, but to ", others));
}

}  // namespace

absl::StatusOr<Enclave> VerifyEnclave(const Documents& documents, bool allow_one_ca, absl::Time now) {
  Enclave enclave;
  ASSIGN_OR_RETURN(const auto chain, ReadChain(documents.certificate, "cert.pem"));
  ASSIGN_OR_RETURN(const auto anchors, ReadChain(documents.identity_ca, "identity_ca.cert.pem"));
  ASSIGN_OR_RETURN(const auto signers, ReadChain(documents.permissions_ca, "permissions_ca.cert.pem"));
  const X509* const certificate = sk_X509_value(chain.get(), 0);
  enclave.subject = ca::NameText(X509_get_subject_name(certificate));
  enclave.attributes = AttributesOf(X509_get_subject_name(certificate));
  enclave.public_key = DerOf(X509_get_X509_PUBKEY(certificate));
  enclave.certificate = DigestOf(certificate);
  for (int i = 0; i < sk_X509_num(anchors.get()); ++i) {
    enclave.anchors.insert(DigestOf(sk_X509_value(anchors.get(), i)));
  }
  enclave.permissions = PermissionsDigest(documents.permissions);
  RETURN_IF_ERROR(CheckDates(sk_X509_value(anchors.get(), 0), "identity_ca.cert.pem", now));
  RETURN_IF_ERROR(CheckDates(sk_X509_value(signers.get(), 0), "permissions_ca.cert.pem", now));
  RETURN_IF_ERROR(VerifyChain(chain.get(), anchors.get(), "cert.pem", now));
  RETURN_IF_ERROR(CheckRoles(anchors.get(), sk_X509_value(signers.get(), 0), allow_one_ca, enclave));
  const auto governance = OpenSignedDocument(documents.governance, documents.permissions_ca);
  RETURN_IF_ERROR(Named("governance.p7s", governance.status()));
  const auto permissions = OpenSignedDocument(documents.permissions, documents.permissions_ca);
  RETURN_IF_ERROR(Named("permissions.p7s", permissions.status()));
  RETURN_IF_ERROR(Named("permissions.p7s", CheckPermissions(*permissions, enclave, now)));
  return enclave;
}

absl::Status VerifyCertificate(std::string_view certificate, const std::string& what, const std::string& public_key,
                               const Enclave& enclave, std::string_view identity_ca, absl::Time now) {
  ASSIGN_OR_RETURN(const auto chain, ReadChain(certificate, what));
  ASSIGN_OR_RETURN(const auto anchors, ReadChain(identity_ca, "identity_ca.cert.pem"));
  const X509* const leaf = sk_X509_value(chain.get(), 0);
  if (DerOf(X509_get_X509_PUBKEY(leaf)) != public_key) return Wrong(what, "it is for another key");
  const std::string subject = ca::NameText(X509_get_subject_name(leaf));
  if (subject != enclave.subject) {
    return Wrong(what, absl::StrCat("its subject is ", subject, ", and the permissions are for ", enclave.subject));
  }
  return VerifyChain(chain.get(), anchors.get(), what, now);
}

absl::StatusOr<std::string> PublicKeyOfPem(std::string_view public_key) {
  const OpensslPtr<BIO> in = ca::Reader(public_key);
  const OpensslPtr<EVP_PKEY> key(PEM_read_bio_PUBKEY_ex(in.get(), nullptr, nullptr, nullptr, ca::Library(), nullptr));
  return DerOf(key.get());
}

absl::StatusOr<std::string> PublicKeyOfPrivate(std::string_view pkcs8) {
  const auto* at = reinterpret_cast<const unsigned char*>(pkcs8.data());
  const OpensslPtr<EVP_PKEY> key(
      d2i_AutoPrivateKey_ex(nullptr, &at, static_cast<long>(pkcs8.size()), ca::Library(), nullptr));
  return DerOf(key.get());
}

absl::StatusOr<std::string> NameFor(const Enclave& enclave) {
  std::string name;
  for (const auto& [type, value] : enclave.attributes) {
    if (type == "CN") name = value;
  }
  for (char& c : name) {
    if (c == '/') c = '.';
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '_') c = '-';
  }
  name.erase(0, std::min(name.find_first_not_of("._-"), name.size()));
  if (KeyName::Parse(name).has_value()) return name;
  return absl::InvalidArgumentError(absl::StrCat("the subject ", enclave.subject,
                                                 " has no common name that makes a key's name: give one with --name"));
}

}  // namespace ddskey::ros2
