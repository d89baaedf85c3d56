// Certificates and their validation (daemon/trust).
// The first line is `MODE DAYS LIST OPTIONS`, the rest a PEM document. DAYS after the start of 2026 is the time of
// validation; LIST is 1 if the root has a revocation list, on which the serial number 2989 (0xbad) is. OPTIONS are
// three digits, the strictness of key usage, missing and outdated lists: 1 ignores, 2 warns, 3 requires. So that an
// altered certificate gets past its signature, the first one is signed anew:
//
//   asis    not at all
//   root    by the root
//   sub     by an intermediate CA, whose certificate is put behind it
//   middle  by the root, with the key of the intermediate CA in it, and put behind a leaf of that CA

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "daemon/trust/certificate.h"
#include "daemon/trust/certificate_validator.h"
#include "daemon/trust/trust_store.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"
#include "test/support/pki.h"

namespace ddskey::fuzz {
namespace {

struct Free {
  void operator()(BIO* p) const { BIO_free_all(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(X509_STORE* p) const { X509_STORE_free(p); }
  void operator()(X509_STORE_CTX* p) const { X509_STORE_CTX_free(p); }
};
template <typename T>
using Ptr = std::unique_ptr<T, Free>;

constexpr uint64_t kRevoked = 0xbad;

absl::Time Year(int year) { return absl::FromCivil(absl::CivilDay(year), absl::UTCTimeZone()); }

test::CertificateOptions Options(uint64_t serial = 0) {
  test::CertificateOptions options;
  options.not_before = Year(2000);
  options.not_after = Year(2100);
  options.serial = serial;
  return options;
}

// Authorities are those that sign; made once.
struct Authorities {
  test::TestCa root = test::TestCa::Root("root", test::TestKeyType::kEcP256, Options());
  test::TestCa sub = root.Intermediate("sub", test::TestKeyType::kEcP256, Options());
  std::string leaf_of_sub = sub.Issue(test::TestKey::Generate().public_key(), Options());
  std::string list =
      root.Crl({root.Issue(test::TestKey::Generate().public_key(), Options(kRevoked))}, Year(2000), Year(2100));
  std::vector<RevocationList> lists = *RevocationList::ParsePem(list);

  std::shared_ptr<const TrustStore> Trust(bool with_list, const ValidationOptions& options) const {
    return *TrustStore::Make({root.certificate()}, with_list ? lists : std::vector<RevocationList>(),
                             OtherIssuers::kRefuse, options);
  }
};

const Authorities& Known() {
  static const Authorities& known = *new Authorities;
  return known;
}

std::vector<Ptr<X509>> ReadAll(const std::string& pem) {
  std::vector<Ptr<X509>> certificates;
  const Ptr<BIO> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  while (X509* const next = PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)) certificates.emplace_back(next);
  ERR_clear_error();
  return certificates;
}

std::string Write(X509* certificate) {
  const Ptr<BIO> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), certificate);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<size_t>(size));
}

Strictness StrictnessOf(std::string_view digits, size_t at, Strictness otherwise) {
  if (at >= digits.size() || digits[at] < '1' || digits[at] > '3') return otherwise;
  return static_cast<Strictness>(digits[at] - '0');
}

ValidationOptions OptionsOf(std::string_view digits) {
  const ValidationOptions usual;
  return {.key_usage = StrictnessOf(digits, 0, usual.key_usage),
          .missing_revocation_list = StrictnessOf(digits, 1, usual.missing_revocation_list),
          .outdated_revocation_list = StrictnessOf(digits, 2, usual.outdated_revocation_list)};
}

// Prepare is the document as MODE says.
std::string Prepare(std::string_view mode, const std::string& document) {
  if (mode == "asis") return document;
  std::vector<Ptr<X509>> certificates = ReadAll(document);
  if (certificates.empty()) return document;
  X509* const first = certificates.front().get();
  const test::TestCa& signer = mode == "sub" ? Known().sub : Known().root;
  if (mode == "middle") X509_set_pubkey(first, Known().sub.key().get());
  // Those of the keys it had before.
  for (const int identifier : {NID_authority_key_identifier, NID_subject_key_identifier}) {
    const int at = X509_get_ext_by_NID(first, identifier, -1);
    if (at >= 0) X509_EXTENSION_free(X509_delete_ext(first, at));
  }
  if (X509_sign(first, signer.key().get(), EVP_sha256()) == 0) {
    ERR_clear_error();
    return document;
  }
  const std::string text = Write(first);
  if (mode == "sub") return text + Known().sub.certificate();
  return mode == "middle" ? Known().leaf_of_sub + text : text;
}

// OpensslAccepts is what OpenSSL says of the same path, by itself.
bool OpensslAccepts(const std::vector<Ptr<X509>>& chain, absl::Time now) {
  if (chain.empty()) return false;
  const std::vector<Ptr<X509>> roots = ReadAll(Known().root.certificate());
  const Ptr<X509_STORE> store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), roots.front().get());
  STACK_OF(X509)* const others = sk_X509_new_null();
  for (size_t i = 1; i < chain.size(); ++i) sk_X509_push(others, chain[i].get());
  const Ptr<X509_STORE_CTX> context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), chain.front().get(), others);
  X509_VERIFY_PARAM* const options = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(options, absl::ToTimeT(now));
  bool good = X509_verify_cert(context.get()) == 1;
  const STACK_OF(X509)* const path = X509_STORE_CTX_get0_chain(context.get());
  for (int i = 0; good && i < sk_X509_num(path); ++i) {
    X509* const issuer = sk_X509_value(path, i + 1 < sk_X509_num(path) ? i + 1 : i);
    good = X509_verify(sk_X509_value(path, i), X509_get0_pubkey(issuer)) == 1;
    if (i > 0) good = good && X509_check_ca(sk_X509_value(path, i)) == 1;
  }
  sk_X509_free(others);
  ERR_clear_error();
  return good;
}

bool IsRevoked(X509* leaf) {
  const ASN1_INTEGER* const serial = X509_get0_serialNumber(leaf);
  int64_t number = 0;
  return ASN1_INTEGER_get_int64(&number, serial) == 1 && number == kRevoked;
}

absl::StatusOr<std::shared_ptr<const ValidCertificate>> Validate(CertificateValidator& validator,
                                                                 const std::string& pem, const TrustStore& trust,
                                                                 absl::Time now) {
  auto result = validator.Validate(pem, trust, now);
  // The planted bug: a certificate goes on to be good for a year.
  if (planted_bug && !result.ok()) result = validator.Validate(pem, trust, now - absl::Hours(24 * 365));
  return result;
}

// CheckOptions compares with the verdict under options that ask for nothing.
void CheckOptions(CertificateValidator& validator, const std::string& pem, bool with_list,
                  const ValidationOptions& options, absl::Time now,
                  const absl::StatusOr<std::shared_ptr<const ValidCertificate>>& result) {
  const ValidationOptions nothing = {.key_usage = Strictness::kIgnore,
                                     .missing_revocation_list = Strictness::kIgnore,
                                     .outdated_revocation_list = Strictness::kIgnore};
  const auto lax = Validate(validator, pem, *Known().Trust(with_list, nothing), now);
  if (!result.ok()) return;
  Require(lax.ok(), "what stricter options accept, laxer ones do");
  Require((*lax)->warnings().empty(), "what is ignored is not warned of");
  for (const std::string& warning : (*result)->warnings()) {
    Require(warning.starts_with("["), "a warning names its check");
    for (const char c : warning) Require(c >= ' ' && c <= '~', "warnings can be printed");
  }
  X509* const leaf = (*result)->x509();
  Require(options.key_usage != Strictness::kRequire || (X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) != 0,
          "who is accepted may sign, where that is asked for");
  Require(options.missing_revocation_list != Strictness::kRequire || with_list,
          "without a list nobody is accepted, where one is asked for");
}

void CheckParsed(const std::string& pem) {
  const auto parsed = Certificate::ParsePem(pem);
  if (!parsed.ok()) {
    Require(parsed.status().code() == absl::StatusCode::kInvalidArgument, "a bad document is an invalid argument");
    return;
  }
  Require(!parsed->empty() && parsed->size() <= 16, "a document holds 1 to 16 certificates");
  for (const Certificate& certificate : *parsed) {
    const auto again = Certificate::ParsePem(certificate.pem());
    Require(again.ok() && again->size() == 1 && again->front().digest() == certificate.digest() &&
                again->front().subject_der() == certificate.subject_der(),
            "what is written is the same certificate");
    for (const std::string* const text : {&certificate.subject(), &certificate.issuer(), &certificate.serial()}) {
      for (const char c : *text) Require(c >= ' ' && c <= '~', "names can be printed");
    }
    Require(!certificate.VerifySignature("octets", "no signature").ok(), "not everything is a signature");
  }
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  const std::string_view input = AsText(data, size);
  const size_t end = input.find('\n');
  if (end == std::string_view::npos) return 0;
  std::vector<std::string_view> words = Words(input.substr(0, end));
  words.resize(4);
  const absl::Time now = Year(2026) + absl::Hours(24 * static_cast<int64_t>(Number(words[1]) % 40'000));
  const bool with_list = words[2] == "1";
  const ValidationOptions options = OptionsOf(words[3]);
  const std::shared_ptr<const TrustStore> held = Known().Trust(with_list, options);
  const TrustStore& trust = *held;
  const std::string pem = Prepare(words[0], std::string(input.substr(end + 1)));
  CheckParsed(pem);

  const std::unique_ptr<CertificateValidator> validator = CertificateValidator::Create();
  const auto result = Validate(*validator, pem, trust, now);
  const auto cached = Validate(*validator, pem, trust, now);
  Require(cached.status() == result.status(), "the cache says the same");
  // Long-lived: at other times it has seen other certificates, and this one.
  static CertificateValidator& old = *CertificateValidator::Create().release();
  Require(Validate(old, pem, trust, now).status() == result.status(), "what the cache knows does not matter");
  CheckOptions(*validator, pem, with_list, options, now, result);
  if (!result.ok()) {
    Require(result.status().message().substr(0, 1) == "[", "a refusal names its check");
    return 0;
  }
  const std::vector<Ptr<X509>> chain = ReadAll(pem);
  Require(OpensslAccepts(chain, now), "what is accepted is also accepted by OpenSSL");
  Require((*result)->not_before() <= now && now < (*result)->not_after(), "what is accepted is valid now");
  Require(X509_cmp((*result)->x509(), chain.front().get()) == 0, "the result is the first certificate");
  const std::string& key = (*result)->token_algorithm();
  Require(key == "EC-prime256v1" || key == "EC-secp384r1" || key.starts_with("RSA-"),
          "what is accepted has a key that participants may have");
  const bool by_root = X509_NAME_cmp(X509_get_issuer_name(chain.front().get()),
                                     X509_get_subject_name(ReadAll(Known().root.certificate()).front().get())) == 0;
  Require(!with_list || !by_root || !IsRevoked(chain.front().get()), "what is accepted is not revoked");
  return 0;
}
