#ifndef CLIENT_DOCTOR_POLICY_CHECK_H_
#define CLIENT_DOCTOR_POLICY_CHECK_H_

#include <memory>
#include <string>
#include <vector>

#include "client/doctor/finding.h"
#include "client/doctor/host.h"
#include "ddskey/v1/admin.pb.h"
#include "policy/policy.h"

namespace ddskey::doctor {

// PolicyOnDisk is a policy and the users that it names.
struct PolicyOnDisk {
  // Null if it cannot be read or has mistakes.
  std::shared_ptr<const Policy> policy;
  // Accounts that rules name, in their order.
  std::vector<UserFacts> users;
};

// CheckPolicy looks at the policy file: whose it is, mistakes, users that do not exist, rules that grant nothing, or
// everything to everybody, and those of `keys` that nobody may use.
PolicyOnDisk CheckPolicy(const Host& host, const std::string& path, const std::vector<v1::Key>& keys,
                         Findings& findings);

// MayHandshake says whether `policy` lets a process of `user` authenticate with `key`, towards a peer that shows the
// same certificate.
bool MayHandshake(const Policy& policy, const UserFacts& user, const v1::Key& key);

}  // namespace ddskey::doctor

#endif  // CLIENT_DOCTOR_POLICY_CHECK_H_
