#ifndef CLIENT_DOCTOR_FINDING_MATCHERS_H_
#define CLIENT_DOCTOR_FINDING_MATCHERS_H_

#include <gmock/gmock.h>

#include <ostream>
#include <string>
#include <string_view>

#include "client/doctor/finding.h"

namespace ddskey::doctor {

// PrintTo is what a failed test shows of a finding.
inline void PrintTo(const Finding& finding, std::ostream* out) {
  *out << NameOf(finding.level) << " " << finding.check << ": " << finding.text << " (fix: " << finding.fix << ")";
}

// Has matches findings of which one has this level and check, and `fix` in its fix.
inline auto Has(Level level, std::string_view check, std::string_view fix = "") {
  using ::testing::AllOf;
  using ::testing::Field;
  return ::testing::Property(
      &Findings::all,
      ::testing::Contains(AllOf(Field(&Finding::level, level), Field(&Finding::check, std::string(check)),
                                Field(&Finding::fix, ::testing::HasSubstr(std::string(fix))))));
}

// AllAreOk matches findings without a problem or warning, of which there is one at least.
inline auto AllAreOk() {
  return ::testing::Property(&Findings::all,
                             ::testing::AllOf(::testing::Not(::testing::IsEmpty()),
                                              ::testing::Each(::testing::Field(&Finding::level, Level::kOk))));
}

}  // namespace ddskey::doctor

#endif  // CLIENT_DOCTOR_FINDING_MATCHERS_H_
