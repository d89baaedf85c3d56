#ifndef TEST_SUPPORT_PKI_CASES_H_
#define TEST_SUPPORT_PKI_CASES_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/contract/validation_options.h"

namespace ddskey::test {

// PkiCase is a chain of certificates, what it is validated under, and what must come of it.
struct PkiCase {
  std::string name;
  // PEM, the leaf first.
  std::string chain;
  std::vector<std::string> anchors;
  std::vector<std::string> lists = {};
  ValidationOptions options = {};
  // The check that refuses it, in brackets; empty if it is good.
  std::string check = {};
  // The checks that warn of it; empty if it is refused.
  std::vector<std::string> warnings = {};
};

// PkiCases makes, with keys of its own, a case of everything that may be wrong with a path at `now`, and of what may
// look wrong and is good.
std::vector<PkiCase> PkiCases(absl::Time now);

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_PKI_CASES_H_
