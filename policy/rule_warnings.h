#ifndef POLICY_RULE_WARNINGS_H_
#define POLICY_RULE_WARNINGS_H_

#include <string>
#include <vector>

#include "policy/rule.h"

namespace ddskey {

// WarningsAbout returns a sentence for each rule, or part of one, that means less than it seems to.
std::vector<std::string> WarningsAbout(const std::vector<Rule>& rules);

}  // namespace ddskey

#endif  // POLICY_RULE_WARNINGS_H_
