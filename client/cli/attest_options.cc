#include "client/cli/attest_options.h"

#include <openssl/evp.h>

#include <charconv>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/ca/openssl.h"
#include "client/cli/file.h"
#include "client/cli/text.h"
#include "proto/contract/attestation_binding.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr uint32_t kRegisters = 24;
constexpr size_t kDigestDigits = 64;

std::optional<std::string> FromHex(std::string_view hex, size_t digits) {
  if (hex.size() != digits) return std::nullopt;
  for (const char c : hex) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return std::nullopt;
  }
  return absl::HexStringToBytes(absl::string_view(hex.data(), hex.size()));
}

std::optional<uint32_t> RegisterOf(std::string_view text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number >= kRegisters) return std::nullopt;
  return number;
}

// Certificates are those (DER) of a PEM file.
absl::StatusOr<std::vector<std::string>> Certificates(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string pem, ReadCertificates(path));
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  std::vector<std::string> certificates;
  for (size_t at = pem.find(kBegin); at != std::string::npos; at = pem.find(kBegin, at + 1)) {
    ASSIGN_OR_RETURN(const ca::OpensslPtr<X509> parsed, ca::ReadCertificate(std::string_view(pem).substr(at)));
    unsigned char* octets = nullptr;
    const int size = i2d_X509(parsed.get(), &octets);
    if (size <= 0) return absl::InvalidArgumentError(absl::StrCat(path, " has a certificate that cannot be read"));
    certificates.emplace_back(reinterpret_cast<char*>(octets), static_cast<size_t>(size));
    OPENSSL_free(octets);
  }
  if (certificates.empty()) return absl::InvalidArgumentError(absl::StrCat(path, " has no PEM certificate"));
  return certificates;
}

// KindOf is the endorsement key that a certificate (DER) is for.
absl::StatusOr<v1::EndorsementKey> KindOf(const std::string& der, const std::string& path) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const ca::OpensslPtr<X509> certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  EVP_PKEY* const key = certificate == nullptr ? nullptr : X509_get0_pubkey(certificate.get());
  if (key != nullptr && EVP_PKEY_is_a(key, "RSA") == 1) return v1::ENDORSEMENT_KEY_RSA_2048;
  if (key != nullptr && EVP_PKEY_is_a(key, "EC") == 1) return v1::ENDORSEMENT_KEY_EC_P256;
  return absl::InvalidArgumentError(
      absl::StrCat("the first certificate of ", path, " is for neither an RSA nor an EC key"));
}

absl::StatusOr<std::map<uint32_t, std::string>> ParsePcrValues(const std::string& text) {
  std::map<uint32_t, std::string> values;
  size_t number = 0;
  for (const absl::string_view raw : absl::StrSplit(text, '\n')) {
    ++number;
    const absl::string_view line = absl::StripAsciiWhitespace(raw);
    if (line.empty() || line.front() == '#') continue;
    const std::vector<std::string> fields = absl::StrSplit(line, absl::ByAnyChar(" \t:"), absl::SkipEmpty());
    const auto index = fields.size() == 2 ? RegisterOf(fields[0]) : std::nullopt;
    const auto value = fields.size() == 2
                           ? FromHex(fields[1].starts_with("0x") ? fields[1].substr(2) : fields[1], kDigestDigits)
                           : std::nullopt;
    if (!index.has_value() || !value.has_value() || !values.emplace(*index, *value).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, " of the registers' values is no register with a SHA-256 value"));
    }
  }
  if (values.empty()) return absl::InvalidArgumentError("there are no values in the file of registers' values");
  return values;
}

}  // namespace

absl::StatusOr<std::string> ParseNonce(std::string_view hex) {
  const auto nonce = FromHex(hex, 2 * kAttestationNonce);
  if (nonce.has_value()) return *nonce;
  return UsageError("--nonce has 64 hexadecimal digits, as ddskeyctl ca nonce or openssl rand -hex 32 print them");
}

absl::Status FillAttest(const Arguments& arguments, v1::AttestKeyRequest& request) {
  ASSIGN_OR_RETURN(*request.mutable_nonce(), ParseNonce(*arguments.Value("nonce")));
  for (const std::string& text : arguments.Values("pcr")) {
    const auto number = RegisterOf(text);
    if (!number.has_value()) return UsageError("--pcr is a number from 0 to 23");
    request.add_pcrs(*number);
  }
  if (const auto file = arguments.Value("ek-certificate")) {
    ASSIGN_OR_RETURN(const std::vector<std::string> certificates, Certificates(*file));
    ASSIGN_OR_RETURN(const v1::EndorsementKey kind, KindOf(certificates.front(), *file));
    request.set_endorsement_key(kind);
  }
  if (arguments.Value("out")->empty()) return UsageError("--out names no file");
  return absl::OkStatus();
}

absl::Status WriteBundle(const Arguments& arguments, v1::AttestationBundle bundle) {
  if (const auto file = arguments.Value("ek-certificate")) {
    ASSIGN_OR_RETURN(const std::vector<std::string> certificates, Certificates(*file));
    // They take the place of those in the TPM, which may be for its other key.
    bundle.mutable_ek_certificates()->Assign(certificates.begin(), certificates.end());
  }
  return WriteNewFile(*arguments.Value("out"), bundle.SerializeAsString());
}

absl::StatusOr<BundleFile> ReadBundle(const std::string& path) {
  BundleFile file;
  ASSIGN_OR_RETURN(file.octets, ReadDocument(path));
  ASSIGN_OR_RETURN(file.bundle, attestation::ParseBundle(file.octets));
  return file;
}

absl::StatusOr<attestation::Expectations> ExpectationsOf(const Arguments& arguments) {
  attestation::Expectations expectations;
  for (const std::string& file : arguments.Values("ek-roots")) {
    ASSIGN_OR_RETURN(const std::string roots, ReadCertificates(file));
    absl::StrAppend(&expectations.trust.roots, roots, "\n");
  }
  for (const std::string& file : arguments.Values("ek-crl")) {
    ASSIGN_OR_RETURN(const std::string lists, ReadRevocationLists(file));
    absl::StrAppend(&expectations.trust.revocation_lists, lists, "\n");
  }
  if (const auto file = arguments.Value("ek-list")) {
    ASSIGN_OR_RETURN(const std::string text, ReadLargeDocument(*file));
    ASSIGN_OR_RETURN(expectations.list, attestation::EkList::Parse(text));
  }
  if (const auto file = arguments.Value("pcr-values")) {
    ASSIGN_OR_RETURN(const std::string text, ReadDocument(*file));
    ASSIGN_OR_RETURN(expectations.pcrs, ParsePcrValues(text));
  }
  expectations.accept_imported = arguments.Has("accept-imported");
  return expectations;
}

absl::StatusOr<attestation::Verdict> VerifyFor(const Arguments& arguments, const v1::AttestationBundle& bundle,
                                               const Io& io) {
  ASSIGN_OR_RETURN(attestation::Expectations expectations, ExpectationsOf(arguments));
  ASSIGN_OR_RETURN(expectations.nonce, ParseNonce(*arguments.Value("nonce")));
  return attestation::Verify(bundle, expectations, io.now);
}

void PrintVerdict(const attestation::Verdict& verdict, const v1::AttestationBundle& bundle, bool listed, const Io& io) {
  io.out << "Key:              " << Escape(bundle.identity()) << '\n'
         << "Subject:          " << Escape(verdict.request.subject_text()) << '\n'
         << "Origin:           "
         << (verdict.imported ? "imported: made elsewhere, there may be copies" : "made in the TPM, cannot leave it")
         << '\n'
         << "Purpose:          " << (verdict.purpose.empty() ? "under another policy" : verdict.purpose) << '\n'
         << "Endorsement key:  " << absl::BytesToHexString(verdict.ek_sha256)
         << (listed ? "\n" : " (compared with no list: any TPM of these manufacturers passes)\n")
         << "Attestation key:  " << absl::BytesToHexString(verdict.ak_name) << '\n';
}

absl::Status NoJson(const Io& io) {
  return io.json ? UsageError("the commands about attestations have no answer in JSON") : absl::OkStatus();
}

}  // namespace ddskey::cli
