#ifndef TEST_SUPPORT_OCSP_H_
#define TEST_SUPPORT_OCSP_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "test/support/pki.h"

namespace ddskey::test {

// OcspOptions says what a response contains.
struct OcspOptions {
  enum class Status { kGood, kRevoked, kUnknown };
  // Who signs it, if not the CA itself; its certificate comes with the response.
  struct Responder {
    TestKey key;
    std::string certificate;
  };

  Status status = Status::kGood;
  absl::Time this_update = absl::Now() - absl::Hours(1);
  // Nothing: it does not say.
  std::optional<absl::Time> next_update = absl::Now() + absl::Hours(24);
  std::optional<Responder> responder;
  // Of the signature, and of the names in it.
  std::string hash = "SHA256";
  std::string id_hash = "SHA1";
  bool with_certificate = true;
  bool nonce = false;
  bool critical_extension = false;
};

// MakeOcspResponse is what a responder of `ca` says of `certificates` (PEM), as DER: of the last one by `options`, of
// those before it that they are good.
std::string MakeOcspResponse(const TestCa& ca, const std::vector<std::string>& certificates,
                             const OcspOptions& options = {});

// MakeOcspError is an unsuccessful response: "tryLater", as DER.
std::string MakeOcspError();

// MakeResponder certifies a key for responding, with `extensions` in the place of the usual ones if there are any.
OcspOptions::Responder MakeResponder(const TestCa& ca,
                                     const std::vector<std::pair<std::string, std::string>>& extensions = {},
                                     const CertificateOptions& options = {});

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_OCSP_H_
