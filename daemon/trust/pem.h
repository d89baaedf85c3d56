#ifndef DAEMON_TRUST_PEM_H_
#define DAEMON_TRUST_PEM_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace ddskey::trust {

// PemLimits bounds a document.
struct PemLimits {
  size_t octets = 0;
  size_t blocks = 0;
};

// ReadPem returns the DER contents of the blocks of `document`, in order; every one must carry `label` (S-13).
// INVALID_ARGUMENT says what is wrong: another label, an encrypted or malformed block, a limit, a NUL before the end. A
// document without a block gives an empty list. Text between blocks is skipped, NULs at the end are ignored.
absl::StatusOr<std::vector<std::string>> ReadPem(std::string_view document, std::string_view label, PemLimits limits);

// WritePem is the inverse for one block.
std::string WritePem(std::string_view label, std::string_view der);

// WithoutText is a PEM document without the text around its blocks, which `openssl x509 -text` and `openssl pkcs12`
// write; the document itself if ReadPem refuses it.
std::string WithoutText(std::string_view document, std::string_view label, PemLimits limits);

}  // namespace ddskey::trust

#endif  // DAEMON_TRUST_PEM_H_
