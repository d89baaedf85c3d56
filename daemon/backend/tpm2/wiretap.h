#ifndef DAEMON_BACKEND_TPM2_WIRETAP_H_
#define DAEMON_BACKEND_TPM2_WIRETAP_H_

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "daemon/backend/tpm2/tcti_name.h"
#include "daemon/backend/tpm2/tpm_connection.h"

namespace ddskey::tpm {

// Wiretap sees, and may change, what passes between a TpmBackend and its TPM; for tests. Thread-safe.
class Wiretap {
 public:
  // Change is called with each whole command, or answer and the code of the command it answers.
  using Change = std::function<void(TPM2_CC command, std::span<uint8_t> octets)>;

  // count is how often a command was sent.
  int count(TPM2_CC command) const {
    const std::lock_guard lock(mutex_);
    const auto found = commands_.find(command);
    return found == commands_.end() ? 0 : found->second;
  }
  // total is how many commands were sent.
  int total() const {
    const std::lock_guard lock(mutex_);
    int sum = 0;
    for (const auto& [command, count] : commands_) sum += count;
    return sum;
  }
  // traffic is all that has passed, commands and answers, as it was sent.
  std::vector<std::string> traffic() const {
    const std::lock_guard lock(mutex_);
    return traffic_;
  }
  // SetChange sets what happens to answers, SetCommandChange what happens to commands.
  void SetChange(Change change) {
    const std::lock_guard lock(mutex_);
    change_ = std::move(change);
  }
  void SetCommandChange(Change change) {
    const std::lock_guard lock(mutex_);
    command_change_ = std::move(change);
  }
  void Sent(TPM2_CC command, std::span<uint8_t> octets) {
    const std::lock_guard lock(mutex_);
    ++commands_[command];
    traffic_.emplace_back(octets.begin(), octets.end());
    if (command_change_) command_change_(command, octets);
  }
  void Answered(TPM2_CC command, std::span<uint8_t> answer) {
    const std::lock_guard lock(mutex_);
    traffic_.emplace_back(answer.begin(), answer.end());
    if (change_) change_(command, answer);
  }

 private:
  mutable std::mutex mutex_;
  std::map<TPM2_CC, int> commands_;
  std::vector<std::string> traffic_;
  Change change_;
  Change command_change_;
};

// TappedTcti is a transmission interface over another one; tpm2-tss sees the first member.
struct TappedTcti {
  TSS2_TCTI_CONTEXT_COMMON_V1 common;
  Tcti inner;
  std::shared_ptr<Wiretap> tap;
  TPM2_CC command;

  static TappedTcti& Of(TSS2_TCTI_CONTEXT* context) { return *reinterpret_cast<TappedTcti*>(context); }

  static TSS2_RC Transmit(TSS2_TCTI_CONTEXT* context, size_t size, const uint8_t* command) {
    TappedTcti& self = Of(context);
    // TPM 2.0 Part 1, 18: tag, size, code.
    self.command = static_cast<TPM2_CC>(command[6]) << 24 | command[7] << 16 | command[8] << 8 | command[9];
    std::vector<uint8_t> octets(command, command + size);
    self.tap->Sent(self.command, octets);
    return Tss2_Tcti_Transmit(self.inner.get(), octets.size(), octets.data());
  }
  static TSS2_RC Receive(TSS2_TCTI_CONTEXT* context, size_t* size, uint8_t* response, int32_t timeout) {
    TappedTcti& self = Of(context);
    const TSS2_RC rc = Tss2_Tcti_Receive(self.inner.get(), size, response, timeout);
    if (rc == TSS2_RC_SUCCESS && response != nullptr) self.tap->Answered(self.command, {response, *size});
    return rc;
  }
  static TSS2_RC GetPollHandles(TSS2_TCTI_CONTEXT* context, TSS2_TCTI_POLL_HANDLE* handles, size_t* count) {
    return Tss2_Tcti_GetPollHandles(Of(context).inner.get(), handles, count);
  }
};

// TappedOpener opens `tcti` with `tap` in between.
inline TctiOpener TappedOpener(const std::string& tcti, std::shared_ptr<Wiretap> tap) {
  return [inner = LoaderOpener(*LoaderString(tcti)), tap]() -> absl::StatusOr<Tcti> {
    auto opened = inner();
    if (!opened.ok()) return opened;
    auto* tapped = new TappedTcti{{}, *std::move(opened), tap, 0};
    tapped->common.version = 1;
    tapped->common.transmit = &TappedTcti::Transmit;
    tapped->common.receive = &TappedTcti::Receive;
    tapped->common.getPollHandles = &TappedTcti::GetPollHandles;
    return Tcti(reinterpret_cast<TSS2_TCTI_CONTEXT*>(tapped),
                [](TSS2_TCTI_CONTEXT* context) { delete &TappedTcti::Of(context); });
  };
}

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_WIRETAP_H_
