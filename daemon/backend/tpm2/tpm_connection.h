#ifndef DAEMON_BACKEND_TPM2_TPM_CONNECTION_H_
#define DAEMON_BACKEND_TPM2_TPM_CONNECTION_H_

#include <tss2/tss2_esys.h>
#include <tss2/tss2_sys.h>
#include <tss2/tss2_tcti.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/backend/tpm2/device_monitor.h"

namespace ddskey::tpm {

// EsysPtr owns what ESAPI allocates.
struct EsysDeleter {
  void operator()(void* memory) const { Esys_Free(memory); }
};
template <typename T>
using EsysPtr = std::unique_ptr<T, EsysDeleter>;

// Tcti owns a transmission interface, with whatever releases it.
using Tcti = std::unique_ptr<TSS2_TCTI_CONTEXT, std::function<void(TSS2_TCTI_CONTEXT*)>>;

// TctiOpener connects to the TPM. Tests give one that watches or changes what passes.
using TctiOpener = std::function<absl::StatusOr<Tcti>()>;

// LoaderOpener opens what LoaderString returned, through tpm2-tss's loader.
TctiOpener LoaderOpener(std::string loader_string);

// TpmConnection is an ESYS context, the SYS context in it, and the transmission interface under both, for one thread.
//
// Where the interface has a handle to poll (device, tabrmd, mssim), the wait for an answer ends half a second after
// `stop_fd` became readable, and after `kSilence`. That of swtpm has none, and connecting has none anywhere (tabrmd
// asks over D-Bus): those calls block as long as the other side pleases, which the owner's queue and shutdown do not
// wait for.
class TpmConnection {
 public:
  // Patience is after which time without an answer Health speaks of it.
  static constexpr std::chrono::seconds kPatience{2};
  static constexpr std::chrono::seconds kPatienceForCreation{60};
  // kSilence is when a connection that can be polled is given up.
  static constexpr std::chrono::seconds kSilence{300};

  static absl::StatusOr<std::unique_ptr<TpmConnection>> Open(const TctiOpener& opener, DeviceMonitor& monitor,
                                                             int stop_fd);
  ~TpmConnection();
  TpmConnection(const TpmConnection&) = delete;
  TpmConnection& operator=(const TpmConnection&) = delete;

  // Execute sends a command with `start`, one of ESAPI's Async calls, does `meanwhile` while the TPM works, waits, and
  // takes the answer with `finish`, its Finish call. An error of the software may leave a command under way: connect
  // anew after it.
  template <typename Start, typename Finish, typename Meanwhile>
  TSS2_RC Execute(Start start, Finish finish, Meanwhile meanwhile, std::chrono::seconds patience = kPatience) {
    monitor_.Begin(patience);
    TSS2_RC rc = start(esys_);
    if (rc == TSS2_RC_SUCCESS) {
      meanwhile();
      do {
        rc = Await();
        if (rc == TSS2_RC_SUCCESS) rc = finish(esys_);
      } while (IsTryAgain(rc));
    }
    monitor_.End();
    return rc;
  }
  template <typename Start, typename Finish>
  TSS2_RC Execute(Start start, Finish finish) {
    return Execute(start, finish, [] {});
  }

  // Transact is Execute for the command that SAPI has prepared in `sys`.
  template <typename Meanwhile>
  TSS2_RC Transact(Meanwhile meanwhile, std::chrono::seconds patience = kPatience) {
    return Execute([this](ESYS_CONTEXT*) { return Tss2_Sys_ExecuteAsync(sys_); },
                   [this](ESYS_CONTEXT*) { return Tss2_Sys_ExecuteFinish(sys_, timeout_); }, meanwhile, patience);
  }
  TSS2_RC Transact() {
    return Transact([] {});
  }

  // sys is for preparing commands and completing their answers.
  TSS2_SYS_CONTEXT* sys() const { return sys_; }

 private:
  TpmConnection(Tcti tcti, ESYS_CONTEXT* esys, TSS2_SYS_CONTEXT* sys, DeviceMonitor& monitor, int stop_fd);

  static bool IsTryAgain(TSS2_RC rc);
  TSS2_RC Await();

  Tcti tcti_;
  ESYS_CONTEXT* esys_;
  // What ESAPI itself uses; between two of its calls it is ours.
  TSS2_SYS_CONTEXT* const sys_;
  // How long SAPI may wait for an answer, or the rest of one.
  int32_t timeout_ = TSS2_TCTI_TIMEOUT_BLOCK;
  DeviceMonitor& monitor_;
  const int stop_fd_;
};

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_TPM_CONNECTION_H_
