#include "daemon/backend/tpm2/tpm_owner.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/backend/key_work.h"
#include "daemon/backend/tpm2/tss_status.h"

namespace ddskey::tpm {
namespace {

// How often a TPM that is there but refuses us is asked again.
constexpr std::chrono::seconds kRefusedInterval{10};
// How often room is made in a TPM that is full before that is somebody else's matter.
constexpr unsigned kPatientEvictions = 6;

DeviceQueue::Time Now() { return std::chrono::steady_clock::now(); }

}  // namespace

absl::StatusOr<std::shared_ptr<TpmOwner>> TpmOwner::Create(std::unique_ptr<CryptoLibrary> library,
                                                           const DeviceMaker& make_device,
                                                           const FairQueue::Options& queue,
                                                           std::chrono::milliseconds probe_interval) {
  const int stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stop_fd < 0) return absl::ResourceExhaustedError("no file descriptors left for the TPM backend");
  return std::shared_ptr<TpmOwner>(new TpmOwner(stop_fd, std::move(library), make_device, queue, probe_interval));
}

TpmOwner::TpmOwner(int stop_fd, std::unique_ptr<CryptoLibrary> library, const DeviceMaker& make_device,
                   const FairQueue::Options& queue, std::chrono::milliseconds probe_interval)
    : stop_fd_(stop_fd),
      probe_interval_(probe_interval),
      library_(std::move(library)),
      queue_(queue, [this] { return monitor_.problem(); }),
      device_(make_device(monitor_, stop_fd)),
      next_probe_(Now()),
      next_look_(Now() + probe_interval) {}

TpmOwner::~TpmOwner() {
  pending_.reset();
  wrong_.clear();
  close(stop_fd_);
}

void TpmOwner::Stop() {
  stopped_ = true;
  queue_.Close();
  eventfd_write(stop_fd_, 1);
}

DeviceQueue::Time::duration TpmOwner::Stalled() const {
  return monitor_.busy() ? DeviceQueue::Time::duration::zero() : queue_.Stalled();
}

Recognition TpmOwner::Recognize(const std::string& parent) {
  const bool wanted = monitor_.primary_wanted();
  const Recognition recognition = monitor_.Recognize(parent);
  if (!wanted && monitor_.primary_wanted()) queue_.Nudge();
  return recognition;
}

void TpmOwner::Run() {
  while (!stopped_) {
    const bool curious = well_ && monitor_.primary_wanted();
    auto turn = queue_.Take(pending_.has_value() || curious ? Now() : next_probe_);
    if (turn.has_value()) {
      Do(*std::move(turn));
      if (probe_interval_.count() > 0 && Now() >= next_look_) {
        CheckPending();
        Probe();
      }
    } else if (pending_.has_value()) {
      CheckPending();
    } else if (!stopped_) {
      Probe();
    }
    while (!wrong_.empty()) {
      DeviceQueue::Turn again = std::move(wrong_.back());
      wrong_.pop_back();
      SignAgain(std::move(again));
    }
  }
  CheckPending();
  device_->Leave();
}

void TpmOwner::Do(DeviceQueue::Turn turn) {
  const auto* const create = std::get_if<CreateRequest>(&turn.request());
  const auto* const import = std::get_if<ImportRequest>(&turn.request());
  const auto* const approve = std::get_if<ApproveRequest>(&turn.request());
  if (create != nullptr || import != nullptr || approve != nullptr) {
    CheckPending();
    auto key = Retry<SealedKey>(
        turn.deadline(),
        [&] {
          if (approve != nullptr) return device_->Approve(*approve);
          return create != nullptr ? device_->Create(*create) : device_->Import(*import);
        },
        [this](Recovery recovery, const absl::Status& failure) { Recover(recovery, failure); },
        [&](std::chrono::milliseconds time) { return Pause(time, turn); });
    // What is wrong with an approval says nothing about the TPM.
    if (approve == nullptr || key.ok() || RecoveryFor(key.status()) != Recovery::kNone) Note(key.status());
    turn.Finish(std::move(key));
    return;
  }
  if (const auto* const give_out = std::get_if<ExportRequest>(&turn.request())) {
    CheckPending();
    auto file = Retry<std::string>(
        turn.deadline(), [&] { return device_->Export(*give_out); },
        [this](Recovery recovery, const absl::Status& failure) { Recover(recovery, failure); },
        [&](std::chrono::milliseconds time) { return Pause(time, turn); });
    turn.Finish(std::move(file));
    return;
  }
  if (const auto* attest = std::get_if<AttestRequest>(&turn.request())) {
    return DoOnce<Attestation>(turn, [&] { return device_->Attest(*attest); });
  }
  if (const auto* activate = std::get_if<ActivateRequest>(&turn.request())) {
    return DoOnce<ActivatedSecret>(turn, [&] { return device_->Activate(*activate); });
  }
  if (const auto* const unlock = std::get_if<UnlockRequest>(&turn.request())) {
    CheckPending();
    turn.FinishUnlock(Unlock(turn, *unlock));
    return;
  }
  auto result = Sign(turn);
  // In case the TPM never got to work meanwhile.
  CheckPending();
  if (result.ok()) {
    pending_.emplace(Unchecked{std::move(turn), *std::move(result)});
  } else {
    turn.Fail(result.status());
  }
}

// DoOnce does work of which there is little. What the TPM has against it says nothing about the TPM's health.
template <typename Result, typename Attempt>
void TpmOwner::DoOnce(DeviceQueue::Turn& turn, Attempt attempt) {
  CheckPending();
  auto result = Retry<Result>(
      turn.deadline(), attempt, [this](Recovery recovery, const absl::Status& failure) { Recover(recovery, failure); },
      [&](std::chrono::milliseconds time) { return Pause(time, turn); });
  if (!absl::IsFailedPrecondition(result.status())) Note(result.status());
  turn.Finish(std::move(result));
}

absl::StatusOr<KeyDevice::Signed> TpmOwner::Sign(const DeviceQueue::Turn& turn) {
  const auto& request = std::get<SignRequest>(turn.request());
  auto result = Retry<KeyDevice::Signed>(
      turn.deadline(), [&] { return device_->Sign(request, [this] { CheckPending(); }); },
      [this](Recovery recovery, const absl::Status& failure) { Recover(recovery, failure); },
      [&](std::chrono::milliseconds time) { return Pause(time, turn); });
  Note(result.status());
  return result;
}

absl::Status TpmOwner::Unlock(const DeviceQueue::Turn& turn, const UnlockRequest& request) {
  // Repeated is only what never got so far that the value was compared.
  const auto unlocked = Retry<bool>(
      turn.deadline(),
      [&]() -> absl::StatusOr<bool> {
        const absl::Status status = device_->Unlock(request);
        if (!status.ok()) return status;
        return true;
      },
      [this](Recovery recovery, const absl::Status& failure) { Recover(recovery, failure); },
      [&](std::chrono::milliseconds time) { return Pause(time, turn); });
  // What was wrong before is looked at anew.
  next_probe_ = Now();
  return unlocked.status();
}

void TpmOwner::CheckPending() {
  if (!pending_.has_value()) return;
  Unchecked unchecked = std::move(*pending_);
  pending_.reset();
  if (IsGood(unchecked.turn, unchecked.result)) {
    Release(unchecked.turn, std::move(unchecked.result));
  } else {
    wrong_.push_back(std::move(unchecked.turn));
  }
}

void TpmOwner::SignAgain(DeviceQueue::Turn turn) {
  device_->Recover(Recovery::kForget);
  auto result = Sign(turn);
  if (!result.ok()) {
    turn.Fail(result.status());
  } else if (IsGood(turn, *result)) {
    Release(turn, *std::move(result));
  } else {
    const absl::Status wrong =
        absl::InternalError("the TPM makes wrong signatures; do not use its keys before it was examined");
    Note(wrong);
    turn.Fail(wrong);
  }
}

bool TpmOwner::IsGood(const DeviceQueue::Turn& turn, const KeyDevice::Signed& result) const {
  const auto& request = std::get<SignRequest>(turn.request());
  return library_->Verify(*result.public_key, request.scheme, request.digest, result.signature).ok();
}

void TpmOwner::Release(DeviceQueue::Turn& turn, KeyDevice::Signed result) {
  ++signatures_;
  turn.Finish(std::move(result.signature));
}

// Pause waits between two attempts; false if there should be no other.
bool TpmOwner::Pause(std::chrono::milliseconds time, const DeviceQueue::Turn& turn) {
  CheckPending();
  pollfd stop = {stop_fd_, POLLIN, 0};
  poll(&stop, 1, static_cast<int>(time.count()));
  return !stopped_ && !turn.done();
}

void TpmOwner::Recover(Recovery recovery, const absl::Status& failure) {
  device_->Recover(recovery);
  if (recovery == Recovery::kReconnect || recovery == Recovery::kRepeat || recovery == Recovery::kNewSession) {
    Note(failure);
  } else if (recovery == Recovery::kEvict && ++evictions_ >= kPatientEvictions) {
    Note(absl::UnavailableError(absl::StrCat(
        std::string(failure.message()),
        "; the TPM is full of what others left there: restart the service in front of it (systemctl restart "
        "tpm2-abrmd), or reset the TPM")));
  }
}

// Note keeps the health up to date. A key that is damaged says nothing about the TPM; of a lockout, which stops some
// keys only, there is a warning.
void TpmOwner::Note(const absl::Status& status) {
  if (status.ok()) {
    if (!well_) monitor_.SetProblem("");
    well_ = true;
    evictions_ = 0;
    probe_backoff_.Reset();
    next_probe_ = probe_interval_.count() == 0 ? DeviceQueue::Time::max() : Now() + probe_interval_;
    return;
  }
  if (absl::IsDataLoss(status) || absl::IsInvalidArgument(status) || absl::IsUnimplemented(status)) return;
  if (absl::IsResourceExhausted(status) && !RawTss(status).has_value()) return;
  if (status.GetPayload(kKeyProblem).has_value()) return;
  well_ = false;
  monitor_.SetProblem(std::string(status.message()));
  next_probe_ = Now() + (RecoveryFor(status) == Recovery::kNone ? kRefusedInterval : probe_backoff_.Next());
}

void TpmOwner::Probe() {
  const absl::Status status = device_->Probe();
  if (!status.ok()) device_->Recover(RecoveryFor(status));
  next_look_ = Now() + probe_interval_;
  Note(status);
}

}  // namespace ddskey::tpm
