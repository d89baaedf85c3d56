#include "client/cli/status_metrics.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace ddskey::cli {
namespace {

using Labels = MetricsText::Labels;

constexpr size_t kMostEndings = 1000;

Labels Of(const v1::BackendStatus& backend) { return {{"backend", backend.name()}, {"kind", backend.kind()}}; }

uint64_t Flag(bool flag) { return flag ? 1 : 0; }

void AddState(const v1::GetStatusResponse& status, MetricsText& text) {
  text.Info("ddskey_build", "Version of ddskeyd.");
  text.Add({{"version", status.version()}}, uint64_t{1});
  text.Gauge("ddskey_start_time_seconds", "seconds", "When ddskeyd started, in seconds since 1970.");
  text.Add({}, static_cast<uint64_t>(status.started()));
  text.Gauge("ddskey_uptime_seconds", "seconds", "For how long ddskeyd has been running.");
  text.Add({}, status.uptime_seconds());
  text.Gauge("ddskey_keys", "", "Active keys.");
  text.Add({}, uint64_t{status.keys()});
  text.Gauge("ddskey_keys_unusable", "", "Active keys that no configured backend holds.");
  text.Add({}, uint64_t{status.unusable_keys()});
  text.Gauge("ddskey_keys_not_signing", "", "Keys that could not be used the last time, although their backends work.");
  text.Add({}, static_cast<uint64_t>(status.key_problems_size()));
  text.Gauge("ddskey_policy_rules", "", "Rules of the policy in force.");
  text.Add({}, uint64_t{status.policy_rules()});
  text.Gauge("ddskey_policy_reload_failed", "", "1 if the last reload of the policy was not taken.");
  text.Add({}, Flag(!status.policy_error().empty()));
  if (status.has_clock()) {
    text.Gauge("ddskey_clock_set", "", "1 if the clock by which certificates are judged is set.");
    text.Add({}, Flag(status.clock().set()));
  }
  text.Gauge("ddskey_ocsp_responses_outdated", "", "OCSP responses that are past their next update.");
  text.Add({}, static_cast<uint64_t>(status.outdated_ocsp_responses_size()));
}

void AddDecisions(const v1::GetStatusResponse& status, MetricsText& text) {
  text.Counter("ddskey_handshakes", "", "Handshakes that were completed, and steps of handshakes that were refused.");
  text.Add({{"outcome", "allowed"}}, status.handshakes_allowed());
  text.Add({{"outcome", "refused"}}, status.handshakes_refused());
  std::map<std::string, uint64_t> refusals;
  text.Counter("ddskey_operations", "", "Decisions, by operation and by gRPC's code of the answer.");
  for (const v1::OperationCount& count : status.operations()) {
    const std::string code = absl::AsciiStrToLower(count.code());
    text.Add({{"operation", count.operation()}, {"code", code}}, count.count());
    if (code != "ok") refusals[code] += count.count();
  }
  text.Counter("ddskey_operation_seconds", "seconds", "How long these took together, waiting for the device included.");
  for (const v1::OperationCount& count : status.operations()) {
    text.Add({{"operation", count.operation()}, {"code", absl::AsciiStrToLower(count.code())}}, count.seconds());
  }
  text.Counter("ddskey_refusals", "", "Decisions that refused, by gRPC's code of the answer.");
  for (const auto& [code, count] : refusals) text.Add({{"reason", code}}, count);
  text.Counter("ddskey_audit_records_lost", "", "Audit records that could not be written.");
  text.Add({}, status.audit_records_lost());
}

void AddLoad(const v1::GetStatusResponse& status, MetricsText& text) {
  const std::pair<const char*, const v1::ServerStatus&> servers[] = {
      {"application", status.application_server()}, {"administration", status.administration_server()}};
  text.Gauge("ddskey_connections", "", "Connected clients.");
  for (const auto& [socket, server] : servers) text.Add({{"socket", socket}}, uint64_t{server.connections()});
  text.Counter("ddskey_connections_ended", "", "Connections that were ended because of what their clients did.");
  for (const auto& [socket, server] : servers) text.Add({{"socket", socket}}, server.connections_ended());
  text.Counter("ddskey_calls_limited", "", "Calls that were refused because their callers were over a limit.");
  for (const auto& [socket, server] : servers) text.Add({{"socket", socket}}, server.calls_limited());
  text.Gauge("ddskey_watches", "", "Calls that wait for a change.");
  text.Add({}, uint64_t{status.watches()});
  text.Gauge("ddskey_participants", "", "Participants that were seen since the start and whose processes live.");
  text.Add({}, uint64_t{status.participants()});
  text.Gauge("ddskey_participant_processes", "", "Their processes.");
  text.Add({}, uint64_t{status.participant_processes()});
}

// AddOfBackends adds a family with one sample of each backend.
template <typename Value>
void AddOfBackends(const v1::GetStatusResponse& status, MetricsText& text, Value value) {
  for (const v1::BackendStatus& backend : status.backends()) text.Add(Of(backend), value(backend));
}

void AddDurations(const v1::GetStatusResponse& status, MetricsText& text,
                  const v1::Durations& (v1::BackendStatus::*durations)() const) {
  for (const v1::BackendStatus& backend : status.backends()) {
    const v1::Durations& of = (backend.*durations)();
    text.AddHistogram(Of(backend), {of.bounds().data(), static_cast<size_t>(of.bounds_size())},
                      {of.counts().data(), static_cast<size_t>(of.counts_size())}, of.count(), of.sum());
  }
}

void AddBackends(const v1::GetStatusResponse& status, MetricsText& text) {
  using Backend = v1::BackendStatus;
  if (status.backends().empty()) return;
  text.Gauge("ddskey_backend_healthy", "", "1 if the backend works.");
  AddOfBackends(status, text, [](const Backend& b) { return Flag(b.healthy()); });
  text.Gauge("ddskey_backend_locked", "", "1 if the backend waits for an authorisation value.");
  AddOfBackends(status, text, [](const Backend& b) { return Flag(!b.waits_for().empty()); });
  text.Gauge("ddskey_backend_warning", "", "1 if the backend works, but somebody should look after it.");
  AddOfBackends(status, text, [](const Backend& b) { return Flag(!b.warning().empty()); });
  text.Counter("ddskey_backend_outages", "", "How often the backend came to be not healthy.");
  AddOfBackends(status, text, [](const Backend& b) { return uint64_t{b.outages()}; });
  text.Counter("ddskey_signatures", "", "Signatures made.");
  AddOfBackends(status, text, [](const Backend& b) { return uint64_t{b.signatures()}; });
  text.Gauge("ddskey_backend_queue_length", "", "Works that wait for the device.");
  AddOfBackends(status, text, [](const Backend& b) { return uint64_t{b.queue_length()}; });
  text.Gauge("ddskey_backend_queue_limit", "", "The most that may wait.");
  AddOfBackends(status, text, [](const Backend& b) { return uint64_t{b.queue_limit()}; });
  text.Gauge("ddskey_backend_running", "", "Works that the device has.");
  AddOfBackends(status, text, [](const Backend& b) { return uint64_t{b.running()}; });
  text.Counter("ddskey_backend_rejected", "", "Works that found no room in the queue, or had to make room in it.");
  AddOfBackends(status, text, [](const Backend& b) { return uint64_t{b.rejected()}; });
  text.Counter("ddskey_backend_expired", "", "Works that were not done by their deadlines.");
  AddOfBackends(status, text, [](const Backend& b) { return uint64_t{b.expired()}; });
  text.Counter("ddskey_backend_busy_seconds", "seconds", "For how long the device had works, of all together.");
  AddOfBackends(status, text, [](const Backend& b) { return b.busy_seconds(); });
  text.Histogram("ddskey_backend_signing_seconds", "seconds", "For how long the device had each signature.");
  AddDurations(status, text, &Backend::signing);
  text.Histogram("ddskey_backend_waiting_seconds", "seconds", "For how long each work waited for the device.");
  AddDurations(status, text, &Backend::waiting);
}

void AddEndings(const v1::GetStatusResponse& status, MetricsText& text) {
  // Of several of a kind the one that ends first, which an alarm is about.
  std::map<std::pair<std::string, std::string>, int64_t> first;
  for (const v1::Ending& ending : status.endings()) {
    const std::string kind = absl::AsciiStrToLower(absl::StrReplaceAll(ending.kind(), {{" ", "_"}}));
    const auto [known, is_new] = first.try_emplace({ending.key_name(), kind}, ending.end());
    if (!is_new) known->second = std::min(known->second, ending.end());
  }
  std::vector<std::pair<int64_t, std::pair<std::string, std::string>>> soonest;
  for (const auto& [which, end] : first) soonest.emplace_back(end, which);
  std::ranges::sort(soonest);
  if (soonest.size() > kMostEndings) soonest.resize(kMostEndings);
  text.Gauge(
      "ddskey_certificate_not_after_timestamp_seconds", "seconds",
      "When certificates of keys end, and in their last 30 days what keys are judged by, in seconds since 1970.");
  for (const auto& [end, which] : soonest) {
    text.Add({{"key", which.first}, {"kind", which.second}}, static_cast<double>(end));
  }
  text.Gauge("ddskey_revocation_list_file_good", "", "1 if all of a file of revocation lists is in force.");
  for (const v1::RevocationListFileStatus& file : status.revocation_list_files()) {
    text.Add({{"path", file.path()}}, Flag(file.problem().empty()));
  }
}

}  // namespace

std::string StatusMetrics(const v1::GetStatusResponse* status, MetricsFormat format) {
  MetricsText text(format);
  text.Gauge("ddskey_up", "", "1 if ddskeyd answered when these metrics were made.");
  text.Add({}, Flag(status != nullptr));
  if (status == nullptr) return text.Finish();
  AddState(*status, text);
  AddDecisions(*status, text);
  AddLoad(*status, text);
  AddBackends(*status, text);
  AddEndings(*status, text);
  return text.Finish();
}

}  // namespace ddskey::cli
