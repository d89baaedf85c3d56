// Certification requests that the CA is given (client/ca/request.h).
// The first line is `asis` or `sign`, the rest a PEM document; `sign` has it signed anew, with a key put into it, so
// that what was altered in it gets past its signature.

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/ca/request.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"
#include "test/support/pki.h"

namespace ddskey::fuzz {
namespace {

using ca::OpensslPtr;
using ca::Request;

const test::TestKey& SomeKey() {
  static const test::TestKey& key = *new test::TestKey(test::TestKey::Generate());
  return key;
}

OpensslPtr<X509_REQ> Read(const std::string& pem) {
  OpensslPtr<X509_REQ> request(PEM_read_bio_X509_REQ(ca::Reader(pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return request;
}

std::string Prepare(std::string_view mode, const std::string& document) {
  if (mode != "sign") return document;
  const OpensslPtr<X509_REQ> request = Read(document);
  if (request == nullptr || X509_REQ_set_pubkey(request.get(), SomeKey().get()) != 1 ||
      X509_REQ_sign(request.get(), SomeKey().get(), EVP_sha256()) <= 0) {
    ERR_clear_error();
    return document;
  }
  const OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(out.get(), request.get());
  return ca::Written(out.get());
}

std::vector<std::pair<std::string, std::string>> AttributesOf(const Request& request) {
  auto attributes = request.attributes();
  // The planted bug: what comes after the second is not looked at.
  if (planted_bug && attributes.size() > 2) attributes.resize(2);
  return attributes;
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  const std::string_view input = AsText(data, size);
  const size_t end = input.find('\n');
  if (end == std::string_view::npos) return 0;
  const std::string pem = Prepare(input.substr(0, end), std::string(input.substr(end + 1)));
  const auto request = Request::Parse(pem);
  if (!request.ok()) {
    Require(absl::IsInvalidArgument(request.status()), "a bad request is an invalid argument");
    return 0;
  }
  const OpensslPtr<X509_REQ> again = Read(pem);
  Require(again != nullptr && X509_REQ_verify(again.get(), X509_REQ_get0_pubkey(again.get())) == 1,
          "what is accepted is also accepted by OpenSSL");
  Require(X509_NAME_cmp(X509_REQ_get_subject_name(again.get()), request->subject()) == 0, "the subject is its own");
  Require(EVP_PKEY_eq(X509_REQ_get0_pubkey(again.get()), request->public_key()) == 1, "the key is its own");
  const auto attributes = AttributesOf(*request);
  Require(attributes.size() == static_cast<size_t>(X509_NAME_entry_count(request->subject())),
          "every attribute is shown");
  for (const auto& [type, value] : attributes) {
    Require(!type.empty() && !value.empty(), "every attribute has a type and a value");
    Require(std::ranges::none_of(value, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }),
            "no attribute moves the cursor");
  }
  for (const char c : request->subject_text()) Require(c >= ' ' && c <= '~', "the subject can be printed");
  return 0;
}
