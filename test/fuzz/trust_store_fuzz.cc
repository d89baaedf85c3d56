// Identity CAs and their revocation lists (daemon/trust/trust_store.h).
// An input is a PEM document with both.

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/trust/trust_store.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

// Documents are the blocks of an input, by kind.
struct Documents {
  std::vector<std::string> anchors;
  std::vector<std::string> lists;
};

Documents Split(std::string_view input) {
  Documents documents;
  std::string current;
  for (const std::string_view line : Lines(input)) {
    current += std::string(line) + "\n";
    if (!line.starts_with("-----END ")) continue;
    const bool is_list = line.find("X509 CRL") != std::string_view::npos;
    (is_list ? documents.lists : documents.anchors).push_back(std::exchange(current, {}));
  }
  return documents;
}

absl::StatusOr<std::shared_ptr<const TrustStore>> Parse(const Documents& documents) {
  auto trust = TrustStore::Parse(documents.anchors, documents.lists);
  // The planted bug: a list that is not good is passed over.
  if (planted_bug && !trust.ok()) trust = TrustStore::Parse(documents.anchors, {});
  return trust;
}

// IsOfAnchor says whether the list verifies with the key of one of the anchors.
bool IsOfAnchor(const std::string& document, const TrustStore& trust) {
  BIO* const in = BIO_new_mem_buf(document.data(), static_cast<int>(document.size()));
  X509_CRL* const list = PEM_read_bio_X509_CRL(in, nullptr, nullptr, nullptr);
  bool good = false;
  for (const Certificate& anchor : trust.anchors()) {
    good = good || (list != nullptr && X509_CRL_verify(list, X509_get0_pubkey(anchor.x509())) == 1);
  }
  X509_CRL_free(list);
  BIO_free_all(in);
  ERR_clear_error();
  return good;
}

void CheckLists(const TrustStore& trust) {
  for (const RevocationList& list : trust.revocation_lists()) {
    bool known = false;
    for (const Certificate& anchor : trust.anchors()) {
      known = known || list.IsKnownToBeSignedBy(anchor.x509());
      // An anchor on the list of its own issuer is revoked; of another issuer's it may have the number.
      list.Covers(anchor.x509());
      list.Revokes(anchor.x509());
    }
    Require(known, "who signed a list is remembered");
  }
}

// CheckOptions makes the same store under other options, and as one that takes others' lists.
void CheckOptions(const Documents& documents, const TrustStore& trust) {
  const auto strict = TrustStore::Parse(documents.anchors, documents.lists, OtherIssuers::kAccept,
                                        {.missing_revocation_list = Strictness::kRequire});
  const auto same = TrustStore::Parse(documents.anchors, documents.lists, OtherIssuers::kAccept);
  Require(strict.ok() && same.ok(), "a store that takes others' lists takes those of its CAs");
  Require((*same)->digest() == trust.digest(), "the same content is the same store");
  Require((*strict)->digest() != trust.digest(), "other options are another store");
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  Documents documents = Split(AsText(data, size));
  const auto trust = Parse(documents);
  if (!trust.ok()) {
    Require(trust.status().code() == absl::StatusCode::kInvalidArgument, "bad documents are an invalid argument");
    return 0;
  }
  Require(!(*trust)->anchors().empty(), "there is an anchor");
  for (const Certificate& anchor : (*trust)->anchors()) {
    Require(X509_check_ca(anchor.x509()) != 0, "an anchor is a CA");
    Require(anchor.token_algorithm().starts_with("EC-") || anchor.token_algorithm().starts_with("RSA-"),
            "an anchor has a key of a known kind");
  }
  for (const std::string& list : documents.lists) {
    Require(IsOfAnchor(list, **trust), "every list is signed by an anchor");
  }
  const std::vector<absl::Time>& moments = (*trust)->moments();
  Require(std::is_sorted(moments.begin(), moments.end()), "moments are sorted");
  CheckLists(**trust);
  CheckOptions(documents, **trust);
  std::reverse(documents.anchors.begin(), documents.anchors.end());
  std::reverse(documents.lists.begin(), documents.lists.end());
  const auto reversed = Parse(documents);
  Require(reversed.ok() && (*reversed)->digest() == (*trust)->digest(), "the order of documents means nothing");
  return 0;
}
