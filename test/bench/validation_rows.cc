#include <malloc.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/trust/certificate_validator.h"
#include "test/bench/rows.h"
#include "test/bench/statistics.h"
#include "test/support/pki.h"

namespace ddskey::bench {
namespace {

using std::chrono::steady_clock;
using test::TestCa;

// Certificates in a round.
constexpr int kPeers = 200;
// A list of so many serial numbers is nearly as large as one may be.
constexpr size_t kLargestList = 235'000;

struct Free {
  void operator()(BIO* p) const { BIO_free_all(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(X509_CRL* p) const { X509_CRL_free(p); }
  void operator()(X509_STORE* p) const { X509_STORE_free(p); }
  void operator()(X509_STORE_CTX* p) const { X509_STORE_CTX_free(p); }
};
template <typename T>
using Ptr = std::unique_ptr<T, Free>;

void Must(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "bench: %s\n", what);
  std::exit(EXIT_FAILURE);
}

double MicrosecondsOf(const auto& work) {
  const auto began = steady_clock::now();
  work();
  return std::chrono::duration<double, std::micro>(steady_clock::now() - began).count();
}

Ptr<BIO> Reader(const std::string& text) {
  return Ptr<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Ptr<X509> NextCertificate(BIO* in) { return Ptr<X509>(PEM_read_bio_X509(in, nullptr, nullptr, nullptr)); }

// Bare is OpenSSL's own path validation with revocation lists.
class Bare {
 public:
  Bare(const std::string& anchor, const std::vector<std::string>& lists) : store_(X509_STORE_new()) {
    X509_STORE_add_cert(store_.get(), NextCertificate(Reader(anchor).get()).get());
    for (const std::string& list : lists) {
      X509_STORE_add_crl(store_.get(),
                         Ptr<X509_CRL>(PEM_read_bio_X509_CRL(Reader(list).get(), nullptr, nullptr, nullptr)).get());
    }
  }

  // Validate reads `pem`, a leaf and its issuer, and returns how long X509_verify_cert took, without the reading.
  double Validate(const std::string& pem) {
    const Ptr<BIO> in = Reader(pem);
    const Ptr<X509> leaf = NextCertificate(in.get());
    const Ptr<X509> middle = NextCertificate(in.get());
    STACK_OF(X509)* const others = sk_X509_new_null();
    sk_X509_push(others, middle.get());
    const double took = MicrosecondsOf([&] {
      const Ptr<X509_STORE_CTX> context(X509_STORE_CTX_new());
      X509_STORE_CTX_init(context.get(), store_.get(), leaf.get(), others);
      X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context.get()),
                                  X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
      Must(X509_verify_cert(context.get()) == 1, "OpenSSL refuses the certificate");
    });
    sk_X509_free(others);
    return took;
  }

 private:
  Ptr<X509_STORE> store_;
};

// Fleet is a root with an intermediate CA, their lists, and peers of that CA.
struct Fleet {
  TestCa root = TestCa::Root("root");
  TestCa middle = root.Intermediate("middle");
  std::vector<std::string> lists = {root.Crl({}), middle.Crl({})};
  std::vector<std::string> peers = MakePeers();

  std::vector<std::string> MakePeers() const {
    const std::string key = test::TestKey::Generate().public_key();
    std::vector<std::string> made;
    for (int i = 0; i < kPeers; ++i) made.push_back(middle.Issue(key) + middle.certificate());
    return made;
  }
  std::shared_ptr<const TrustStore> Trust() const {
    auto trust = TrustStore::Parse({root.certificate()}, lists, OtherIssuers::kAccept);
    Must(trust.ok(), "the trust store is refused");
    return *trust;
  }
};

double Validate(CertificateValidator& validator, const std::string& peer, const TrustStore& trust) {
  const absl::Time now = absl::Now();
  return MicrosecondsOf([&] { Must(validator.Validate(peer, trust, now).ok(), "the certificate is refused"); });
}

double HeapInUse() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

std::vector<Line> LargeList() {
  const TestCa ca = TestCa::Root("large");
  const std::string key = test::TestKey::Generate().public_key();
  const std::string list = ca.LargeCrl(kLargestList);
  const double before = HeapInUse();
  std::shared_ptr<const TrustStore> trust;
  const double read = MicrosecondsOf([&] {
    auto parsed = TrustStore::Parse({ca.certificate()}, {list});
    Must(parsed.ok(), "the large list is refused");
    trust = *std::move(parsed);
  });
  const auto validator = CertificateValidator::Create();
  const double first = Validate(*validator, ca.Issue(key), *trust);
  const double memory = HeapInUse() - before;
  std::vector<double> further;
  for (int i = 0; i < kPeers; ++i) further.push_back(Validate(*validator, ca.Issue(key), *trust));
  return {Note("list of 235,000 entries, nearly 8 MiB: reading and verifying it", {read / 1000}, "ms"),
          Note("- memory while it is in force", {memory / 1e6}, "MB"),
          Note("- first validation under it", {first / 1000}, "ms"),
          Note("- first validation of each other certificate", further, "us")};
}

}  // namespace

std::vector<Line> Validation(int rounds) {
  const Fleet fleet;
  std::vector<double> second, fresh, known, bare;
  for (int round = 0; round < rounds; ++round) {
    const auto validator = CertificateValidator::Create();
    Bare reference(fleet.root.certificate(), fleet.lists);
    const auto trust = fleet.Trust();
    std::vector<double> of_second, of_fresh, of_known, of_bare;
    for (const std::string& peer : fleet.peers) {
      // Its lists were never used before.
      const auto installed = fleet.Trust();
      of_fresh.push_back(Validate(*CertificateValidator::Create(), peer, *installed));
      of_known.push_back(Validate(*validator, peer, *trust));
      of_bare.push_back(reference.Validate(peer));
      of_second.push_back(Validate(*validator, peer, *trust));
    }
    second.push_back(Median(of_second));
    fresh.push_back(Median(of_fresh));
    known.push_back(Median(of_known));
    bare.push_back(Median(of_bare));
  }
  std::vector<Line> lines = {
      Single("second validation of a known certificate", second, "us", 5),
      Paired("first validation, chain of 3 with CRLs, over X509_verify_cert", known, bare, "us", 1.2),
      Note("- the very first of a CA after its list was installed", fresh, "us", bare)};
  for (Line& line : LargeList()) lines.push_back(std::move(line));
  return lines;
}

}  // namespace ddskey::bench
