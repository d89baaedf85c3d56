// Documents of an enclave (client/ros2/signed_document.h).
// The first line is `open`: the rest is a S/MIME document that a permissions CA is said to have signed; `sign`: it is
// text that the CA does sign; `grants`: it is a permissions document; `subjects`: it is two lines, a subject each.

#include <string>
#include <string_view>
#include <vector>

#include "client/ros2/signed_document.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"
#include "test/support/pki.h"

namespace ddskey::fuzz {
namespace {

using ros2::Grant;

// OtherCa has the name of Ca.
const test::TestCa& OtherCa() {
  static const test::TestCa& ca = *new test::TestCa(test::TestCa::Root("permissions CA"));
  return ca;
}

const test::TestCa& Ca() {
  static const test::TestCa& ca = *new test::TestCa(test::TestCa::Root("permissions CA"));
  return ca;
}

absl::StatusOr<std::vector<Grant>> ReadGrants(const std::string& xml) {
  auto grants = ros2::ReadGrants(xml);
  // The planted bug: what comes after the second is not looked at.
  if (planted_bug && grants.ok() && grants->size() > 2) grants->resize(2);
  return grants;
}

void TryOpen(std::string_view document) {
  const auto opened = ros2::OpenSignedDocument(document, Ca().certificate());
  Require(!opened.ok(), "nobody else signs for the CA");
  Require(absl::IsInvalidArgument(opened.status()) || absl::IsFailedPrecondition(opened.status()), "it is refused");
}

void TrySign(const std::string& text) {
  // S/MIME has lines, and no octets that are none of text.
  for (const char c : text) {
    if ((c < ' ' || c > '~') && c != '\n') return;
  }
  const std::string document = Ca().SignDocument(text);
  const auto opened = ros2::OpenSignedDocument(document, Ca().certificate());
  Require(opened.ok(), "what the CA has signed is opened");
  const auto other = ros2::OpenSignedDocument(document, OtherCa().certificate());
  Require(!other.ok(), "another CA of that name has not signed it");
}

void TryGrants(const std::string& xml) {
  const auto grants = ReadGrants(xml);
  const auto more = ReadGrants("<grant><subject_name>CN=first</subject_name></grant>" + xml);
  if (!grants.ok()) {
    Require(absl::IsInvalidArgument(grants.status()), "a bad document is an invalid argument");
    return;
  }
  Require(more.ok() && more->size() == grants->size() + 1, "every grant is seen");
  for (size_t i = 0; i < grants->size(); ++i) {
    Require((*more)[i + 1].subject_name == (*grants)[i].subject_name, "a grant is what it is wherever it stands");
  }
}

void TrySubjects(std::string_view lines) {
  const std::string_view a = lines.substr(0, lines.find('\n'));
  const std::string_view b = a.size() < lines.size() ? lines.substr(a.size() + 1) : "";
  Require(ros2::SameSubject(a, a) && ros2::SameSubject(b, b), "a subject is the same as itself");
  Require(ros2::SameSubject(a, b) == ros2::SameSubject(b, a), "it does not matter which is first");
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey::fuzz;
  const std::string_view input = AsText(data, size);
  const size_t end = input.find('\n');
  if (end == std::string_view::npos) return 0;
  const std::string_view mode = input.substr(0, end);
  const std::string_view rest = input.substr(end + 1);
  if (mode == "open") TryOpen(rest);
  if (mode == "sign") TrySign(std::string(rest));
  if (mode == "grants") TryGrants(std::string(rest));
  if (mode == "subjects") TrySubjects(rest);
  return 0;
}
