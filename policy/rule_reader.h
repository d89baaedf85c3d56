#ifndef POLICY_RULE_READER_H_
#define POLICY_RULE_READER_H_

#include <functional>
#include <string>

#include "ddskey/v1/policy.pb.h"
#include "policy/accounts.h"
#include "policy/rule.h"

namespace ddskey {

// ReadRule checks the meaning of `rule` and resolves its names. It calls `complain` with a sentence for each mistake;
// if there was none, the result is complete.
Rule ReadRule(const v1::Rule& rule, const Accounts& accounts, const std::function<void(const std::string&)>& complain);

}  // namespace ddskey

#endif  // POLICY_RULE_READER_H_
