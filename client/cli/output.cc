#include "client/cli/output.h"

#include <google/protobuf/util/json_util.h>

#include <string>
#include <vector>

#include "client/cli/file.h"
#include "client/cli/pcr_options.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {

absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) {
    return absl::InternalError("the daemon's answer cannot be written as JSON");
  }
  return text;
}

absl::Status PrintJson(const google::protobuf::Message& message, const Io& io) {
  ASSIGN_OR_RETURN(const std::string text, ToJson(message));
  io.out << text;
  return absl::OkStatus();
}

void PrintCertificate(const v1::Certificate& certificate, const Io& io) {
  io.out << "Subject:      " << Escape(certificate.subject()) << '\n'
         << "Issuer:       " << Escape(certificate.issuer()) << '\n'
         << "Serial:       " << Escape(certificate.serial()) << '\n'
         << "Valid from:   " << FormatTime(certificate.not_before()) << '\n'
         << "Valid until:  " << FormatEnd(certificate.not_after(), io.now) << '\n'
         << "SHA-256:      " << Escape(certificate.sha256()) << '\n';
  for (const std::string& anchor : certificate.anchors()) io.out << "Trusts:       " << Escape(anchor) << '\n';
}

void PrintKey(const v1::Key& key, const Io& io) {
  io.out << "Name:         " << Escape(key.name()) << '\n'
         << "Algorithm:    " << Escape(key.algorithm()) << '\n'
         << "Purpose:      " << Escape(key.purpose()) << '\n'
         << "Backend:      " << Escape(key.backend()) << '\n'
         << (key.backend_problem().empty() ? "" : "  Unusable:   " + Escape(key.backend_problem()) + "\n")
         << "State:        " << Escape(key.state()) << '\n'
         << "Generation:   " << key.generation() << ", made " << FormatTime(key.created()) << '\n'
         << "Public key:   SHA-256 " << Escape(key.public_key_sha256()) << '\n';
  if (key.imported()) io.out << "Custody:      imported: made elsewhere, where there may be copies\n";
  if (key.left_custody()) io.out << "Custody:      left custody: a key file of it was given out\n";
  for (const v1::KeyGeneration& generation : key.generations()) {
    if (generation.state() == "current" && generation.has_pcr_binding()) PrintBinding(generation.pcr_binding(), io);
  }
  if (key.has_certificate()) {
    PrintCertificate(key.certificate(), io);
  } else {
    io.out << "Certificate:  none\n";
  }
}

void PrintGenerations(const v1::Key& key, const Io& io) {
  std::vector<std::vector<std::string>> rows = {
      {"GENERATION", "STATE", "ALGORITHM", "BACKEND", "PARTICIPANTS", "CERTIFICATE VALID UNTIL"}};
  for (const v1::KeyGeneration& generation : key.generations()) {
    std::string state = generation.state();
    if (generation.replaced() != 0) state += ", replaced " + FormatTime(generation.replaced());
    if (generation.imported()) state += ", imported";
    if (generation.left_custody()) state += ", left custody";
    rows.push_back(
        {std::to_string(generation.number()), state, generation.algorithm(), generation.backend(),
         std::to_string(generation.participants()),
         generation.has_certificate() ? FormatEnd(generation.certificate().not_after(), io.now) : "no certificate"});
  }
  io.out << FormatTable(rows);
}

absl::Status PrintRequest(const v1::RenewIdentityResponse& response, const std::string& done, const std::string& next,
                          const std::string& file, const Io& io) {
  if (file != "-") RETURN_IF_ERROR(WriteNewFile(file, response.csr_pem()));
  if (io.json) return PrintJson(response, io);
  // The request alone is on the output, so that it can be piped.
  std::ostream& said = file == "-" ? io.err : io.out;
  said << done << ' ' << Escape(response.key().name()) << ". Have the request certified"
       << (file == "-" ? "" : " (" + Escape(file) + ")") << ", then: ddskeyctl " << next << " --certificate FILE\n";
  if (file == "-") io.out << response.csr_pem();
  return absl::OkStatus();
}

namespace {

const char* StrictnessText(v1::Strictness strictness) {
  switch (strictness) {
    case v1::STRICTNESS_IGNORE:
      return "ignore";
    case v1::STRICTNESS_WARN:
      return "warn";
    case v1::STRICTNESS_REQUIRE:
      return "require";
    default:
      return "unknown";
  }
}

void PrintOptions(const v1::TrustOptions& options, const Io& io) {
  const std::string& pin = options.permissions_sha256();
  io.out << "\nKey usage:                 " << StrictnessText(options.key_usage())
         << "\nMissing revocation list:   " << StrictnessText(options.missing_revocation_list())
         << "\nOutdated revocation list:  " << StrictnessText(options.outdated_revocation_list())
         << "\nPermissions document:      " << (pin.empty() ? "any" : "SHA-256 " + Escape(pin))
         << "\nText around certificates:  " << (options.keep_pem_text() ? "sent" : "not sent") << '\n';
}

void PrintOcspResponse(const v1::TrustResponse& trust, const Io& io) {
  if (!trust.has_ocsp_response()) return;
  io.out << "OCSP response for peers:   next update " << FormatEnd(trust.ocsp_response().next_update(), io.now) << '\n';
}

void PrintLists(const v1::TrustResponse& trust, const Io& io) {
  if (trust.revocation_lists().empty()) {
    io.out << "No revocation list is installed for this key; for lists of files see: ddskeyctl status\n";
    return;
  }
  std::vector<std::vector<std::string>> lists = {{"REVOCATION LIST OF", "SHA-256", "NUMBER", "REVOKED", "NEXT UPDATE"}};
  for (const v1::RevocationList& list : trust.revocation_lists()) {
    lists.push_back({list.issuer(), list.sha256().substr(0, 16), list.number().empty() ? "-" : "0x" + list.number(),
                     std::to_string(list.revoked()), FormatEnd(list.next_update(), io.now)});
  }
  io.out << '\n' << FormatTable(lists);
}

}  // namespace

void PrintTrust(const v1::TrustResponse& trust, const Io& io) {
  if (trust.anchors().empty()) {
    io.out << "No identity CA. Add one with: ddskeyctl trust add NAME --ca FILE\n";
    PrintOptions(trust.options(), io);
    return;
  }
  std::vector<std::vector<std::string>> anchors = {{"IDENTITY CA", "SHA-256", "VALID UNTIL"}};
  for (const v1::Certificate& anchor : trust.anchors()) {
    anchors.push_back({anchor.subject(), anchor.sha256().substr(0, 16), FormatEnd(anchor.not_after(), io.now)});
  }
  io.out << FormatTable(anchors);
  PrintLists(trust, io);
  PrintOptions(trust.options(), io);
  PrintOcspResponse(trust, io);
}

absl::Status ShowTrust(const absl::StatusOr<v1::TrustResponse>& trust, const Io& io) {
  if (!trust.ok()) return trust.status();
  if (io.json) return PrintJson(*trust, io);
  PrintTrust(*trust, io);
  return absl::OkStatus();
}

}  // namespace ddskey::cli
