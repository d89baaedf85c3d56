#ifndef CLIENT_CLI_ATTEST_OPTIONS_H_
#define CLIENT_CLI_ATTEST_OPTIONS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/attestation/verifier.h"
#include "client/cli/arguments.h"
#include "client/cli/command.h"
#include "ddskey/v1/admin.pb.h"

namespace ddskey::cli {

// What the commands about attestations share.

// Options of those that make a bundle.
inline constexpr Option kAttestNonce = {
    .name = "nonce", .value = "HEX", .help = "the nonce of the CA, 64 hexadecimal digits", .required = true};
inline constexpr Option kPcr = {.name = "pcr",
                                .value = "NUMBER",
                                .help = "platform configuration register to quote, 0 to 23; 0 to 7 if not given",
                                .repeatable = true};
inline constexpr Option kEkCertificate = {
    .name = "ek-certificate",
    .value = "FILE",
    .help = "PEM certificate of the TPM's endorsement key, then those on its path, if the TPM has none itself"};
inline constexpr Option kAttestOut = {
    .name = "out", .value = "FILE", .help = "write to FILE, which must not exist", .required = true};

// Options of those that hold a bundle to something.
inline constexpr Option kEkRoots = {.name = "ek-roots",
                                    .value = "FILE",
                                    .help = "PEM CAs of TPM manufacturers that are believed",
                                    .repeatable = true,
                                    .required = true};
inline constexpr Option kEkCrl = {.name = "ek-crl",
                                  .value = "FILE",
                                  .help = "PEM revocation lists of theirs; then that of the certificate's CA is needed",
                                  .repeatable = true};
inline constexpr Option kEkList = {
    .name = "ek-list", .value = "FILE", .help = "lines of SHA-256 of an endorsement key and a subject it may have"};
inline constexpr Option kPcrValues = {
    .name = "pcr-values", .value = "FILE", .help = "lines of a register and its SHA-256 value that must be quoted"};
inline constexpr Option kAcceptImported = {
    .name = "accept-imported", .value = "", .help = "take also a key that was imported into the TPM"};

// FillAttest fills in nonce, registers and endorsement key of a request; the subject is the caller's.
absl::Status FillAttest(const Arguments& arguments, v1::AttestKeyRequest& request);

// WriteBundle adds the certificates of --ek-certificate, if there are any, and writes a bundle to --out.
absl::Status WriteBundle(const Arguments& arguments, v1::AttestationBundle bundle);

// A file with a bundle.
struct BundleFile {
  std::string octets;
  v1::AttestationBundle bundle;
};
absl::StatusOr<BundleFile> ReadBundle(const std::string& path);

// ParseNonce reads 64 hexadecimal digits.
absl::StatusOr<std::string> ParseNonce(std::string_view hex);

// ExpectationsOf are those of the options, but for the nonce.
absl::StatusOr<attestation::Expectations> ExpectationsOf(const Arguments& arguments);

// VerifyFor verifies a bundle with the nonce of --nonce.
absl::StatusOr<attestation::Verdict> VerifyFor(const Arguments& arguments, const v1::AttestationBundle& bundle,
                                               const Io& io);

// PrintVerdict prints what is known of a bundle, for people.
void PrintVerdict(const attestation::Verdict& verdict, const v1::AttestationBundle& bundle, bool listed, const Io& io);

// NoJson is a usage error for --json: these commands answer with documents.
absl::Status NoJson(const Io& io);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_ATTEST_OPTIONS_H_
