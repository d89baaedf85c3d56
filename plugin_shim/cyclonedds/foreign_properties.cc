#include "plugin_shim/cyclonedds/foreign_properties.h"

#include <algorithm>
#include <array>

namespace ddskey::cyclonedds {
namespace {

using Kind = PropertyVerdict::Kind;

struct Rule {
  std::string_view name;
  Kind kind;
  std::string_view why;
  // Values that ask for what is done anyway.
  std::array<std::string_view, 3> fine = {};
};

constexpr std::string_view kNoPassword = "keys of ddskeyd have no password";
constexpr std::string_view kNoEngine = "the key is used by ddskeyd, never by an engine of OpenSSL in this process";
constexpr std::string_view kResends = "Cyclone DDS sends what is unanswered again each second, for 100 s";

constexpr Rule kRules[] = {
    {"dds.sec.auth.password", Kind::kNoEffect, kNoPassword},
    // Connext.
    {"com.rti.serv.secure.authentication.ca_file", Kind::kRefused, "name the CA in dds.sec.auth.identity_ca"},
    {"com.rti.serv.secure.authentication.certificate_file", Kind::kRefused,
     "name the certificate in dds.sec.auth.identity_certificate"},
    {"com.rti.serv.secure.authentication.private_key_file", Kind::kRefused,
     "write `ddskey:NAME` into dds.sec.auth.private_key"},
    {"com.rti.serv.secure.authentication.private_key_password", Kind::kNoEffect, kNoPassword},
    {"com.rti.serv.secure.authentication.keyform", Kind::kRefused, kNoEngine, {"pem", "PEM"}},
    {"com.rti.serv.secure.openssl_engine", Kind::kRefused, kNoEngine},
    {"com.rti.serv.secure.authentication.rsa_pss_pad",
     Kind::kRefused,
     "RSA keys sign handshakes with PSS padding only",
     {"1", "true", "yes"}},
    {"com.rti.serv.secure.authentication.participant_discovery_protection_key", Kind::kRefused,
     "Cyclone DDS does not protect participant discovery with a key that all share"},
    {"com.rti.serv.secure.authentication.subject_name_whitelist", Kind::kRefused,
     "which peers are let in is a matter of the daemon's policy; write `peer { subject: \"...\" }` into its rule"},
    {"com.rti.serv.secure.authentication.propagate_simplified_identity_certificate", Kind::kNoEffect,
     "the certificate goes out as `ddskeyctl cert install` was given it"},
    {"com.rti.serv.secure.files_poll_interval", Kind::kNoEffect,
     "the daemon takes a new certificate at once, with `ddskeyctl cert install`; files of the QoS are read when the "
     "participant is created"},
    {"dds.participant.trust_plugins.authentication_timeout.sec", Kind::kNoEffect,
     "Cyclone DDS gives a handshake 100 s"},
    {"dds.participant.trust_plugins.authentication_request_delay.sec", Kind::kNoEffect, kResends},
    // Fast DDS.
    {"dds.sec.auth.builtin.PKI-DH.identity_ca", Kind::kRefused, "name the CA in dds.sec.auth.identity_ca"},
    {"dds.sec.auth.builtin.PKI-DH.identity_certificate", Kind::kRefused,
     "name the certificate in dds.sec.auth.identity_certificate"},
    {"dds.sec.auth.builtin.PKI-DH.identity_crl", Kind::kRefused,
     "name the revocation list in org.eclipse.cyclonedds.sec.auth.crl"},
    {"dds.sec.auth.builtin.PKI-DH.private_key", Kind::kRefused, "write `ddskey:NAME` into dds.sec.auth.private_key"},
    {"dds.sec.auth.builtin.PKI-DH.password", Kind::kNoEffect, kNoPassword},
    {"dds.sec.auth.builtin.PKI-DH.max_handshake_requests", Kind::kNoEffect, kResends},
    {"dds.sec.auth.builtin.PKI-DH.initial_handshake_resend_period", Kind::kNoEffect, kResends},
    {"dds.sec.auth.builtin.PKI-DH.handshake_resend_period_gain", Kind::kNoEffect, kResends},
};

// Read by participant_qos.cc.
constexpr std::string_view kRead[] = {
    "com.rti.serv.secure.authentication.alternative_ca_files",
    "com.rti.serv.secure.authentication.crl",
    "com.rti.serv.secure.authentication.crl_file",
    "com.rti.serv.secure.authentication.key_establishment_algorithm",
    "com.rti.serv.secure.authentication.shared_secret_algorithm",
    "dds.sec.auth.builtin.PKI-DH.preferred_key_agreement",
};

// All that authenticates in other vendors' plugins: what is not known may be what somebody relies on.
constexpr std::string_view kFamilies[] = {"com.rti.serv.secure.authentication.", "dds.sec.auth.builtin.PKI-DH."};

PropertyVerdict Verdict(std::string_view name, Kind kind, std::string_view why) {
  const std::string_view becomes = kind == Kind::kRefused ? " cannot be used: " : " has no effect: ";
  return {kind, std::string(name) + std::string(becomes) + std::string(why)};
}

bool IsAboutKeyUsage(std::string_view name) {
  return name.find("keyusage") != std::string_view::npos || name.find("key_usage") != std::string_view::npos;
}

}  // namespace

std::optional<PropertyVerdict> JudgeProperty(std::string_view name, std::string_view value) {
  if (value.empty()) return std::nullopt;
  const auto* const rule = std::ranges::find(kRules, name, &Rule::name);
  if (rule != std::end(kRules)) {
    if (std::ranges::find(rule->fine, value) != rule->fine.end()) return std::nullopt;
    return Verdict(name, rule->kind, rule->why);
  }
  const bool foreign = std::ranges::any_of(kFamilies, [name](std::string_view one) { return name.starts_with(one); });
  if (!foreign || std::ranges::find(kRead, name) != std::end(kRead)) return std::nullopt;
  if (IsAboutKeyUsage(name)) {
    return Verdict(name, Kind::kRefused,
                   "how strictly the keyUsage of certificates is held to is the daemon's matter: ddskeyctl trust set "
                   "NAME --key-usage");
  }
  return Verdict(name, Kind::kRefused, "this plugin does not know it; docs/properties.md lists those that it knows");
}

}  // namespace ddskey::cyclonedds
