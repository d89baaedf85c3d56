#include "plugin_shim/cyclonedds/host_log.h"

#include <algorithm>

#include "dds/ddsrt/log.h"
#include "plugin_shim/cyclonedds/dds_security.h"

namespace ddskey::cyclonedds {
namespace {

constexpr std::chrono::seconds kSilence(30);
constexpr size_t kMostRemembered = 16;

}  // namespace

void HostLog::Warn(const std::string& sentence) {
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(mutex_);
    while (!said_.empty() && (said_.front().at + kSilence <= now || said_.size() > kMostRemembered)) said_.pop_front();
    const auto same = [&sentence](const Said& said) { return said.sentence == sentence; };
    if (std::any_of(said_.begin(), said_.end(), same)) return;
    said_.push_back({sentence, now});
  }
  // DDS_WARNING is no C++.
  if ((dds_get_log_mask() & DDS_LC_WARNING) == 0) return;
  dds_log(DDS_LC_WARNING, __FILE__, __LINE__, "ddskey", "%s\n", sentence.c_str());
}

void SetException(DDS_Security_SecurityException* exception, const std::string& sentence) {
  if (exception == nullptr) return;
  DDS_Security_Exception_set(exception, "ddskey", DDS_SECURITY_ERR_UNDEFINED_CODE, DDS_SECURITY_VALIDATION_FAILED, "%s",
                             sentence.c_str());
}

}  // namespace ddskey::cyclonedds
