#ifndef CLIENT_SETUP_EXECUTION_H_
#define CLIENT_SETUP_EXECUTION_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/admin_client.h"
#include "client/setup/backend_probe.h"
#include "client/setup/plan.h"
#include "client/setup/service_manager.h"
#include "client/setup/wishes.h"

namespace ddskey::setup {

// Means are what setup works with.
struct Means {
  AdminClient& admin;
  ServiceManager& services;
  Surroundings surroundings;
  // Path of the folder of settings, /etc/ddskeyd.
  std::string folder;
  absl::Time now;
};

// Prepare says what there is to do, and changes nothing.
absl::StatusOr<Plan> Prepare(const Wishes& wishes, const Means& means);

// CarryOut does it: the first step of the plan, then that of a new plan, until there is none. `report` is told of each
// before it is done. It returns the last plan, which has no steps, but perhaps something that it waits for. Whenever it
// ends, by an error or from outside, another CarryOut goes on from there.
absl::StatusOr<Plan> CarryOut(const Wishes& wishes, const Means& means,
                              const std::function<void(const Step& step)>& report);

}  // namespace ddskey::setup

#endif  // CLIENT_SETUP_EXECUTION_H_
