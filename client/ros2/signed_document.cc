#include "client/ros2/signed_document.h"

#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/ca/openssl.h"
#include "proto/contract/status_macros.h"

namespace ddskey::ros2 {
namespace {

using ca::OpensslPtr;

struct StackDelete {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

// WithoutComments leaves out what a parser of XML does not see either.
std::string WithoutComments(std::string_view xml) {
  std::string result;
  while (true) {
    const size_t begin = xml.find("<!--");
    result += xml.substr(0, begin);
    if (begin == std::string_view::npos) return result;
    const size_t end = xml.find("-->", begin + 4);
    if (end == std::string_view::npos) return result;
    xml.remove_prefix(end + 3);
  }
}

// Element is the content of the first element `name` of `xml`, which is cut off behind it; nothing if there is none.
std::optional<std::string_view> Element(std::string_view& xml, const std::string& name) {
  size_t begin = xml.find("<" + name);
  // <grant> is not <grants>.
  while (begin != std::string_view::npos && begin + name.size() + 1 < xml.size() &&
         std::string_view(" \t\r\n>").find(xml[begin + name.size() + 1]) == std::string_view::npos) {
    begin = xml.find("<" + name, begin + 1);
  }
  const size_t open = begin == std::string_view::npos ? begin : xml.find('>', begin);
  const size_t close = open == std::string_view::npos ? open : xml.find("</" + name, open);
  if (close == std::string_view::npos) return std::nullopt;
  const std::string_view content = xml.substr(open + 1, close - open - 1);
  xml.remove_prefix(close + name.size() + 2);
  return content;
}

std::string Text(std::string_view content) {
  const std::string text(absl::StripAsciiWhitespace(ToAbsl(content)));
  return absl::StrReplaceAll(text, {{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"}, {"&amp;", "&"}});
}

// ReadDate reads an xs:dateTime; without a zone it is UTC.
absl::Status ReadDate(std::string_view grant, const std::string& name, absl::Time& date) {
  const std::optional<std::string_view> content = Element(grant, name);
  if (!content.has_value()) return absl::OkStatus();
  std::string error;
  const std::string text = Text(*content);
  if (absl::ParseTime(absl::RFC3339_full, text, &date, &error) ||
      absl::ParseTime("%Y-%m-%d%ET%H:%M:%E*S", text, &date, &error)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("the permissions document has a date that cannot be read: ", text));
}

// Parts are the attributes of a name, without the space around them.
std::vector<std::string> Parts(std::string_view name) {
  std::vector<std::string> parts(1);
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '\\' && i + 1 < name.size()) {
      parts.back() += name.substr(i++, 2);
    } else if (name[i] == ',') {
      parts.emplace_back();
    } else {
      parts.back() += name[i];
    }
  }
  for (std::string& part : parts) {
    part = std::string(absl::StripAsciiWhitespace(part));
    const size_t equals = part.find('=');
    if (equals == std::string::npos) continue;
    part = absl::StrCat(absl::StripAsciiWhitespace(part.substr(0, equals)), "=",
                        absl::StripAsciiWhitespace(part.substr(equals + 1)));
  }
  return parts;
}

}  // namespace

absl::StatusOr<std::string> OpenSignedDocument(std::string_view smime, std::string_view permissions_ca) {
  ASSIGN_OR_RETURN(const OpensslPtr<X509> ca, ca::ReadCertificate(permissions_ca));
  const OpensslPtr<BIO> in = ca::Reader(smime);
  BIO* apart = nullptr;
  PKCS7* empty = PKCS7_new_ex(ca::Library(), nullptr);
  PKCS7* const read = SMIME_read_PKCS7_ex(in.get(), &apart, &empty);
  const OpensslPtr<PKCS7> document(read == nullptr ? empty : read);
  const OpensslPtr<BIO> content(apart);
  if (read == nullptr || PKCS7_type_is_signed(document.get()) == 0) {
    ERR_clear_error();
    return absl::InvalidArgumentError("it is no signed document (S/MIME)");
  }
  const std::unique_ptr<STACK_OF(X509), StackDelete> signers(sk_X509_new_null());
  sk_X509_push(signers.get(), ca.get());
  const OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
  // The signer is looked for nowhere but in the CA's certificate, which is trusted: there is no chain to verify.
  const int verified = PKCS7_verify(document.get(), signers.get(), nullptr, content.get(), out.get(),
                                    PKCS7_NOINTERN | PKCS7_NOVERIFY | PKCS7_TEXT);
  ERR_clear_error();
  if (verified != 1) {
    return absl::FailedPreconditionError("the permissions CA has not signed it, or it was changed since");
  }
  return ca::Written(out.get());
}

absl::StatusOr<std::vector<Grant>> ReadGrants(std::string_view xml) {
  const std::string plain = WithoutComments(xml);
  std::string_view rest = plain;
  std::vector<Grant> grants;
  while (std::optional<std::string_view> element = Element(rest, "grant")) {
    Grant grant;
    RETURN_IF_ERROR(ReadDate(*element, "not_before", grant.not_before));
    RETURN_IF_ERROR(ReadDate(*element, "not_after", grant.not_after));
    const std::optional<std::string_view> subject = Element(*element, "subject_name");
    if (!subject.has_value())
      return absl::InvalidArgumentError("the permissions document has a grant without a subject");
    grant.subject_name = Text(*subject);
    grants.push_back(std::move(grant));
  }
  if (grants.empty()) return absl::InvalidArgumentError("the permissions document has no grant");
  return grants;
}

bool SameSubject(std::string_view a, std::string_view b) {
  std::vector<std::string> of_a = Parts(a);
  const std::vector<std::string> of_b = Parts(b);
  if (of_a == of_b) return true;
  std::ranges::reverse(of_a);
  return of_a == of_b;
}

}  // namespace ddskey::ros2
