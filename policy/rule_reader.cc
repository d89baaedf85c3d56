#include "policy/rule_reader.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "policy/action.h"

namespace ddskey {
namespace {

constexpr size_t kLongestName = 128;
constexpr size_t kLongestKeyPattern = 128;
constexpr size_t kLongestPeerPattern = 1024;
// X.509 serial numbers have 20 octets at most; older ones were seen with some more.
constexpr size_t kLongestSerial = 64;

using Complain = std::function<void(const std::string&)>;

bool IsControl(char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); }

std::string Quoted(const std::string& text) { return absl::StrCat("\"", absl::CHexEscape(text), "\""); }

std::optional<Action> ActionOf(v1::Operation operation) {
  switch (operation) {
    case v1::HANDSHAKE:
      return Action::kHandshake;
    case v1::OWN_TRUST:
      return Action::kOwnTrust;
    case v1::PROCESS_KEY:
      return Action::kProcessKey;
    case v1::SIGN_PARTICIPANT_DATA:
      return Action::kSignParticipantData;
    case v1::SIGN_DIGEST:
      return Action::kSignDigest;
    case v1::SIGN_PKCS1:
      return Action::kSignPkcs1;
    case v1::KEY_CREATE:
      return Action::kKeyCreate;
    case v1::KEY_LIST:
      return Action::kKeyList;
    case v1::KEY_DELETE:
      return Action::kKeyDelete;
    case v1::CSR_CREATE:
      return Action::kCsrCreate;
    case v1::CERTIFICATE_INSTALL:
      return Action::kCertificateInstall;
    case v1::STATUS:
      return Action::kStatus;
    case v1::TRUST_CHANGE:
      return Action::kTrustChange;
    case v1::OCSP_INSTALL:
      return Action::kOcspInstall;
    case v1::IDENTITY_RENEW:
      return Action::kIdentityRenew;
    case v1::IDENTITY_STATE:
      return Action::kIdentityState;
    case v1::STORE_CHECK:
      return Action::kStoreCheck;
    case v1::BACKUP:
      return Action::kBackup;
    case v1::RESTORE:
      return Action::kRestore;
    case v1::KEY_IMPORT:
      return Action::kKeyImport;
    case v1::KEY_EXPORT:
      return Action::kKeyExport;
    case v1::ATTEST:
      return Action::kAttest;
    case v1::CREDENTIAL_ACTIVATE:
      return Action::kCredentialActivate;
    case v1::PCR_APPROVE:
      return Action::kPcrApprove;
    case v1::BACKEND_UNLOCK:
      return Action::kBackendUnlock;
    default:
      return std::nullopt;
  }
}

// Resolve looks `name` up and complains if it is unknown.
template <typename Id>
std::optional<Id> Resolve(const char* kind, const std::string& name,
                          const std::function<std::optional<Id>(const std::string&)>& find, const Complain& complain) {
  std::optional<Id> id;
  if (find != nullptr) id = find(name);
  if (!id.has_value()) complain(absl::StrCat("this system has no ", kind, " named ", Quoted(name)));
  return id;
}

CallerPattern ReadCaller(const v1::Caller& caller, const Accounts& accounts, const Complain& complain) {
  CallerPattern pattern;
  if (caller.has_uid()) pattern.uid = caller.uid();
  if (!caller.user().empty()) {
    const std::optional<uid_t> uid = Resolve("user", caller.user(), accounts.uid_of, complain);
    if (uid.has_value() && caller.has_uid() && *uid != caller.uid()) {
      complain(absl::StrCat("a caller is said to have uid ", caller.uid(), " and to be user ", Quoted(caller.user()),
                            ", whose uid is ", *uid));
    }
    pattern.uid = uid;
  }
  if (caller.has_gid()) pattern.gids.push_back(caller.gid());
  if (!caller.group().empty()) {
    const std::optional<gid_t> gid = Resolve("group", caller.group(), accounts.gid_of, complain);
    if (gid.has_value()) pattern.gids.push_back(*gid);
  }
  if (!caller.has_uid() && !caller.has_gid() && caller.user().empty() && caller.group().empty()) {
    complain("a caller needs uid, user, gid or group");
  }
  return pattern;
}

bool IsKeyPattern(const std::string& pattern) {
  return !pattern.empty() && pattern.size() <= kLongestKeyPattern &&
         std::all_of(pattern.begin(), pattern.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-' || c == '*';
         });
}

std::string ReadPeerPattern(const char* field, const std::string& pattern, const Complain& complain) {
  if (pattern.size() > kLongestPeerPattern || std::any_of(pattern.begin(), pattern.end(), IsControl)) {
    complain(absl::StrCat("the ", field, " of a peer must have at most ", kLongestPeerPattern,
                          " characters and no control characters"));
  }
  return pattern;
}

// ReadSerial takes the forms that tools print: upper or lower case, with colons, with leading zeros.
std::string ReadSerial(const std::string& text, const Complain& complain) {
  std::string serial = absl::AsciiStrToLower(text);
  serial.erase(std::remove(serial.begin(), serial.end(), ':'), serial.end());
  if (serial.empty() || serial.size() > kLongestSerial ||
      !std::all_of(serial.begin(), serial.end(), [](unsigned char c) { return absl::ascii_isxdigit(c); })) {
    complain(absl::StrCat("the serial number ", Quoted(text), " of a peer is not hexadecimal"));
    return serial;
  }
  return serial.substr(std::min(serial.find_first_not_of('0'), serial.size() - 1));
}

PeerPattern ReadPeer(const v1::Peer& peer, const Complain& complain) {
  if (peer.subject().empty() && peer.issuer().empty() && peer.serial().empty()) {
    complain("a peer needs subject, issuer or serial");
  }
  PeerPattern pattern;
  pattern.subject = ReadPeerPattern("subject", peer.subject(), complain);
  pattern.issuer = ReadPeerPattern("issuer", peer.issuer(), complain);
  if (!peer.serial().empty()) pattern.serial = ReadSerial(peer.serial(), complain);
  return pattern;
}

void ReadOperations(const v1::Rule& rule, Rule& read, const Complain& complain) {
  bool needs_key = false;
  if (rule.operation().empty()) complain("operation is missing");
  for (const int number : rule.operation()) {
    const std::optional<Action> action = ActionOf(static_cast<v1::Operation>(number));
    if (!action.has_value()) {
      complain(absl::StrCat("there is no operation ", number));
      continue;
    }
    read.actions |= Rule::BitOf(*action);
    needs_key = needs_key || HasKey(*action);
    if (!rule.peer().empty() && *action != Action::kHandshake && *action != Action::kOwnTrust) {
      complain(absl::StrCat("peers say nothing about ", std::string(ActionName(*action)),
                            "; put HANDSHAKE with peers into a rule of its own"));
    }
  }
  if (needs_key && rule.key().empty()) complain("key is missing; \"*\" stands for all keys");
}

}  // namespace

Rule ReadRule(const v1::Rule& rule, const Accounts& accounts, const Complain& complain) {
  Rule read;
  read.name = rule.name();
  read.denies = rule.effect() == v1::DENY;
  if (read.name.empty() || read.name.size() > kLongestName ||
      std::any_of(read.name.begin(), read.name.end(), IsControl)) {
    complain(absl::StrCat("name must have 1 to ", kLongestName, " characters and no control characters"));
  }
  if (rule.effect() != v1::ALLOW && rule.effect() != v1::DENY) complain("effect must be ALLOW or DENY");
  if (rule.caller().empty()) complain("caller is missing");
  for (const v1::Caller& caller : rule.caller()) read.callers.push_back(ReadCaller(caller, accounts, complain));
  for (const std::string& key : rule.key()) {
    if (!IsKeyPattern(key)) complain(absl::StrCat("the key ", Quoted(key), " is not a key name with `*` in it"));
    read.keys.push_back(key);
  }
  ReadOperations(rule, read, complain);
  for (const v1::Peer& peer : rule.peer()) read.peers.push_back(ReadPeer(peer, complain));
  return read;
}

}  // namespace ddskey
