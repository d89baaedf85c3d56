#include "daemon/daemon.h"

#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/audit/audit_sink.h"
#include "daemon/backend/late_backend.h"
#include "daemon/config/config.h"
#include "daemon/config/system_accounts.h"
#include "daemon/config/trusted_file.h"
#include "daemon/fill_backend.h"
#include "daemon/fill_decisions.h"
#include "daemon/fill_keys.h"
#include "daemon/handshake/root_storage.h"
#include "daemon/open_backend.h"
#include "daemon/rpc/fill_clock.h"
#include "daemon/rpc/fill_revocation_list.h"
#include "daemon/rpc/limits.h"
#include "daemon/rpc/service_table.h"
#include "daemon/service/logging.h"
#include "daemon/watch_backends.h"
#include "proto/contract/status_macros.h"
#include "proto/contract/version.h"

namespace ddskey {
namespace {

constexpr std::chrono::seconds kGrace(3);
constexpr std::chrono::milliseconds kRetirePause(60'000);
// At the clock, and how many of these until the next at what ends: a minute.
constexpr std::chrono::milliseconds kLook(1000);
constexpr int kLooksUntilExpiry = 60;
constexpr char kRootsName[] = "ticket-roots";

absl::Status MakeFolder(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("making the folder ", path));
}

// With is an error of a part, with the part's name in front.
absl::Status With(const std::string& what, const absl::Status& status) {
  return status.ok() ? status : absl::Status(status.code(), absl::StrCat(what, ": ", status.message()));
}

// BlobsOf are the keys in use that a backend made.
std::vector<std::string> BlobsOf(const KeyStore& keys, const std::string& backend_uuid) {
  std::vector<std::string> blobs;
  for (const auto& identity : keys.List()) {
    if (identity->deleted) continue;
    for (const KeyGeneration& generation : identity->generations) {
      if (generation.backend_uuid == backend_uuid) blobs.push_back(generation.blob);
    }
  }
  return blobs;
}

absl::StatusOr<ListeningSocket> OpenSocket(PassedDescriptors& descriptors, const std::string& name,
                                           const std::string& path, const std::string& mode) {
  if (const auto passed = descriptors.Take(name); passed.has_value()) {
    return ListeningSocket::Adopt(UniqueFd(*passed));
  }
  return ListeningSocket::Bind(path, SocketMode(mode));
}

template <typename Server>
void FillServer(const Server& server, const CallLimiter& limiter, v1::ServerStatus& out) {
  out.set_connections(server.connection_count());
  out.set_connections_ended(server.refused_count());
  out.set_calls_limited(limiter.refused_count());
}

void FillListFile(const FileLists::State& state, v1::RevocationListFileStatus& out) {
  out.set_path(state.file.path);
  for (const std::string& pattern : state.file.keys) out.add_keys(pattern);
  for (const RevocationList& list : state.lists) FillRevocationList(list, *out.add_lists());
  out.set_problem(state.problem);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Policy>> LoadPolicy(const v1::Config& config) {
  const auto text = ReadTrustedFile(config.policy_file());
  if (absl::IsNotFound(text.status())) return Policy::SuperuserOnly();
  RETURN_IF_ERROR(text.status());
  return Policy::Parse(*text, config.policy_file(), SystemAccounts());
}

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const v1::Config& config, PassedDescriptors descriptors) {
  std::unique_ptr<Daemon> daemon(new Daemon(config));
  ASSIGN_OR_RETURN(const LogTarget target, ParseLogTarget(config.log().target()));
  // In the journal a record is more than its text: each of its fields can be asked for.
  daemon->audit_ =
      target == LogTarget::kJournal ? SpdlogAuditLog::Create(MakeJournalAuditSink()) : SpdlogAuditLog::Create();
  RETURN_IF_ERROR(MakeFolder(config.state_directory(), 0700));
  RETURN_IF_ERROR(MakeFolder(config.runtime_directory(), 0755));
  ASSIGN_OR_RETURN(auto policy, LoadPolicy(config));
  for (const std::string& warning : policy->warnings()) spdlog::warn("policy: {}", warning);
  daemon->statistics_ = std::make_unique<DecisionStatistics>(*daemon->audit_);
  daemon->authorizer_ = std::make_unique<Authorizer>(std::move(policy), *daemon->statistics_);
  daemon->validator_ = CertificateValidator::Create();
  RETURN_IF_ERROR(daemon->OpenStore());
  RETURN_IF_ERROR(daemon->OpenClock());
  RETURN_IF_ERROR(daemon->OpenLists());
  RETURN_IF_ERROR(daemon->OpenBackends());
  RETURN_IF_ERROR(daemon->OpenTickets(descriptors));
  RETURN_IF_ERROR(daemon->Serve(descriptors));
  daemon->WatchParts();
  return daemon;
}

Daemon::~Daemon() { Stop(); }

absl::Status Daemon::OpenStore() {
  auto keys = KeyStore::Open(absl::StrCat(config_.state_directory(), "/keystore.db"));
  RETURN_IF_ERROR(With("keystore", keys.status()));
  keys_ = *std::move(keys);
  return absl::OkStatus();
}

absl::Status Daemon::OpenClock() {
  const auto unset = config_.clock().unset() == v1::Clock::WARN ? ClockGuard::Unset::kWarn : ClockGuard::Unset::kRefuse;
  auto clock = ClockGuard::Open(
      {*keys_, changes_, [] { return absl::Now(); }, &TimeSinceBoot, absl::FromUnixSeconds(kReleased), unset});
  RETURN_IF_ERROR(With("clock", clock.status()));
  clock_ = *std::move(clock);
  return absl::OkStatus();
}

void Daemon::LookAtTheTime() {
  clock_->Observe();
  if (--until_expiry_ > 0 || !clock_->state().set) return;
  until_expiry_ = kLooksUntilExpiry;
  for (const std::string& warning : expiry_->Warn(clock_->Now())) spdlog::warn("{}", warning);
}

absl::Status Daemon::OpenLists() {
  std::vector<ListFile> files;
  for (const v1::RevocationListFile& file : config_.revocation_list_file()) {
    files.push_back({file.path(), {file.key().begin(), file.key().end()}});
  }
  auto lists = FileLists::Open(std::move(files), *keys_, Clock());
  RETURN_IF_ERROR(With("revocation lists", lists.status()));
  file_lists_ = *std::move(lists);
  list_watcher_ = std::make_unique<ListWatcher>(*file_lists_, changes_, Clock());
  expiry_ = std::make_unique<ExpiryWatch>(*keys_, *file_lists_);
  looking_at_the_time_ = std::make_unique<PeriodicTask>(std::chrono::milliseconds(0), [this] {
    LookAtTheTime();
    return kLook;
  });
  // In force before anybody is served.
  if (const auto pause = list_watcher_->Round(); file_lists_->size() > 0) {
    watching_lists_ = std::make_unique<PeriodicTask>(pause, [this] { return list_watcher_->Round(); });
  }
  return absl::OkStatus();
}

absl::Status Daemon::OpenBackends() {
  std::vector<BackendSet::Entry> entries;
  for (const v1::Backend& configured : config_.backend()) {
    const std::string what = absl::StrCat("backend \"", configured.name(), "\"");
    const std::string kind = configured.has_tpm2() ? "tpm2" : configured.has_pkcs11() ? "pkcs11" : "software";
    auto uuid = keys_->RegisterBackend(configured.name(), kind);
    RETURN_IF_ERROR(With(what, uuid.status()));
    const auto open = [this, configured, blobs = BlobsOf(*keys_, *uuid)] {
      return OpenBackend(config_, configured, blobs);
    };
    auto backend = open();
    if (!backend.ok()) {
      // The others are served all the same.
      spdlog::error("{}: {}", what, std::string(backend.status().message()));
      backend = std::make_unique<LateBackend>(kind, open);
    }
    entries.push_back({configured.name(), *std::move(uuid), *std::move(backend)});
  }
  backends_ = std::make_unique<BackendSet>(std::move(entries));
  return absl::OkStatus();
}

absl::Status Daemon::OpenTickets(PassedDescriptors& descriptors) {
  // Best kept in memory that the service manager holds for us; else in a file, which the runtime directory's tmpfs
  // keeps off the disk.
  std::unique_ptr<RootStorage> storage;
  std::optional<int> memory = descriptors.Take(kRootsName);
  if (!memory.has_value()) {
    const int made = memfd_create(kRootsName, MFD_CLOEXEC);
    if (made >= 0 && StoreDescriptor(kRootsName, made).ok()) {
      memory = made;
    } else if (made >= 0) {
      close(made);
    }
  }
  if (memory.has_value()) {
    storage = std::make_unique<DescriptorRootStorage>(*memory);
  } else {
    storage = std::make_unique<FileRootStorage>(absl::StrCat(config_.runtime_directory(), "/ticket-roots"));
  }
  auto roots = TicketRoots::Open(std::move(storage), BootId(), &TimeSinceBoot);
  RETURN_IF_ERROR(With("ticket roots", roots.status()));
  roots_ = *std::move(roots);
  sealer_ = std::make_unique<TicketSealer>(*roots_, keys_->instance_uuid());
  return absl::OkStatus();
}

absl::Status Daemon::Serve(PassedDescriptors& descriptors) {
  pool_ = std::make_unique<WorkerPool>(std::max(2U, std::thread::hardware_concurrency()));
  const Limits limits = LimitsFrom(config_.limits());
  application_limiter_ = std::make_unique<CallLimiter>(limits);
  authentication_ = std::make_unique<AuthenticationCustodian>(AuthenticationCustodian::Parts{
      *pool_,
      *authorizer_,
      *keys_,
      *backends_,
      *validator_,
      *sealer_,
      changes_,
      Clock(),
      {},
      [this](const Subject& caller, const std::string& peer) { return application_limiter_->BeginReply(caller, peer); },
      &book_,
      file_lists_.get(),
      [this] { return clock_->Check(); }});
  reviewer_ = std::make_unique<PeerReviewer>(
      PeerReviewer::Parts{*pool_, *authorizer_, authentication_->admission(), *sealer_, changes_, Clock()});
  board_ = std::make_unique<WatchBoard>(changes_);
  signing_ =
      std::make_unique<SigningCustodian>(SigningCustodian::Parts{*pool_, *authorizer_, *keys_, *backends_, book_});
  administration_ = std::make_unique<KeyCustodian>(KeyCustodian::Parts{
      *pool_, *authorizer_, *keys_, *backends_, *validator_, changes_, Clock(), book_, file_lists_.get()});
  trust_ = std::make_unique<TrustCustodian>(
      TrustCustodian::Parts{*pool_, *authorizer_, *keys_, *validator_, changes_, Clock(), file_lists_.get()});
  checker_ = std::make_unique<StoreChecker>(
      StoreChecker::Parts{*pool_, *authorizer_, *keys_, *backends_, *validator_, Clock(), file_lists_.get()});
  backup_ = std::make_unique<BackupCustodian>(BackupCustodian::Parts{*pool_, *authorizer_, *keys_});
  identities_ = std::make_unique<IdentityCustodian>(IdentityCustodian::Parts{
      *pool_, *authorizer_, *keys_, *backends_, *validator_, changes_, book_, Clock(), file_lists_.get()});
  retiring_keys_ = std::make_unique<PeriodicTask>(kRetirePause, [this] {
    identities_->RetireOld();
    return kRetirePause;
  });
  clock_custodian_ = std::make_unique<ClockCustodian>(*pool_, *authorizer_, *clock_);
  attestation_ =
      std::make_unique<AttestationCustodian>(AttestationCustodian::Parts{*pool_, *authorizer_, *keys_, *backends_});
  admin_limiter_ = std::make_unique<CallLimiter>(limits);
  authentication_handler_ =
      std::make_unique<AuthenticationHandler>(*application_limiter_, *authentication_, *reviewer_, *board_);
  signing_handler_ = std::make_unique<SigningHandler>(*application_limiter_, *signing_);
  admin_handler_ = std::make_unique<AdminHandler>(
      admin_peers_, *admin_limiter_,
      AdminHandler::Custodians{*administration_, *identities_, *trust_, *checker_, *backup_, *clock_custodian_,
                               *attestation_},
      [this](const Subject& caller, v1::GetStatusResponse& status) { FillStatus(caller, status); });

  ASSIGN_OR_RETURN(ListeningSocket application,
                   OpenSocket(descriptors, "ddskeyd", config_.socket(), config_.socket_mode()));
  ASSIGN_OR_RETURN(ListeningSocket admin,
                   OpenSocket(descriptors, "ddskeyd-admin", config_.admin_socket(), config_.admin_socket_mode()));
  // They serve before they are known here.
  const std::lock_guard lock(servers_mutex_);
  ServiceTable services;
  authentication_handler_->AddTo(services);
  signing_handler_->AddTo(services);
  ASSIGN_OR_RETURN(
      application_server_,
      UnaryServer::Start(std::move(application),
                         {.name = "application",
                          .limits = limits,
                          .run_large = [this](const Subject& caller,
                                              std::function<void()> begin) { pool_->Post(caller, std::move(begin)); }},
                         std::move(services)));
  ASSIGN_OR_RETURN(admin_server_, RpcServer::Start(std::move(admin),
                                                   {.name = "administration",
                                                    .limits = limits,
                                                    .max_message_octets = kAdminMessageOctets,
                                                    .memory_octets = kAdminMemoryOctets},
                                                   {admin_handler_.get()}, admin_peers_));
  spdlog::info("ddskeyd {} serves {} and {}", kVersion, config_.socket(), config_.admin_socket());
  return absl::OkStatus();
}

absl::Status Daemon::ReloadPolicy() {
  const auto policy = LoadPolicy(config_);
  {
    const std::lock_guard lock(mutex_);
    policy_error_ = std::string(policy.status().message());
  }
  if (!policy.ok()) {
    spdlog::error("policy: not taken, the one before stays in force: {}", std::string(policy.status().message()));
    return policy.status();
  }
  authorizer_->Replace(*policy);
  changes_.Bump();
  // Said when it is true.
  for (const std::string& warning : (*policy)->warnings()) spdlog::warn("policy: {}", warning);
  spdlog::info("policy: {} rules are in force", (*policy)->rule_count());
  return absl::OkStatus();
}

void Daemon::WatchParts() {
  liveness_.Watch("every worker", [this] { return pool_->HangsFor(); });
  // A thread with nothing to do is silent for a while, too.
  liveness_.Watch("the application socket", [this] { return application_server_->silence(); });
  liveness_.Watch("the administration socket", [this] { return admin_server_->silence(); });
  WatchBackends(*backends_, liveness_);
}

void Daemon::Stop() {
  // Else those who wait for a change would use up the time that calls have to finish.
  if (board_ != nullptr) board_->Close();
  // Both at once: either may wait for its grace.
  std::thread admin([this] {
    if (admin_server_ != nullptr) admin_server_->Shutdown(kGrace);
  });
  if (application_server_ != nullptr) application_server_->Shutdown(kGrace);
  admin.join();
  if (audit_ != nullptr) audit_->Flush();
}

void Daemon::FillStatus(const Subject& caller, v1::GetStatusResponse& status) {
  status.set_version(std::string(kVersion));
  status.set_started(absl::ToUnixSeconds(started_));
  status.set_schema_version(keys_->schema_version());
  // One policy throughout, whatever is loaded meanwhile.
  const std::shared_ptr<const Policy> policy = authorizer_->policy();
  const StatusReader reader{*policy, caller};
  for (const auto& identity : keys_->List()) {
    if (identity->deleted) continue;
    const KeyGeneration& key = identity->current();
    status.set_keys(status.keys() + 1);
    status.set_unusable_keys(status.unusable_keys() + (backends_->Holds(key.backend_uuid, key.blob) ? 0 : 1));
    FillOcspResponse(*identity, clock_->Now(), reader, status);
    FillKeyProblems(*identity, *backends_, reader, status);
  }
  status.set_policy_rules(static_cast<uint32_t>(policy->rule_count()));
  if (access(config_.policy_file().c_str(), F_OK) == 0) status.set_policy_file(config_.policy_file());
  {
    const std::lock_guard lock(mutex_);
    status.set_policy_error(policy_error_);
  }
  status.set_handshakes_allowed(authentication_->handshakes_completed());
  status.set_handshakes_refused(authentication_->refusals());
  FillClock(clock_->state(), *status.mutable_clock());
  FillEndings(expiry_->Endings(), clock_->Now(), reader, status);
  for (const FileLists::State& state : file_lists_->states()) {
    FillListFile(state, *status.add_revocation_list_files());
  }
  for (const BackendSet::Entry& entry : backends_->entries()) {
    FillBackend(entry, *status.add_backends());
  }
  FillDecisions(*statistics_, *policy, caller, status);
  FillLoad(status);
}

void Daemon::FillLoad(v1::GetStatusResponse& status) {
  status.set_uptime_seconds(std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count());
  {
    const std::lock_guard lock(servers_mutex_);
    if (application_server_ == nullptr || admin_server_ == nullptr) return;
    FillServer(*application_server_, *application_limiter_, *status.mutable_application_server());
    FillServer(*admin_server_, *admin_limiter_, *status.mutable_administration_server());
  }
  status.set_watches(static_cast<uint32_t>(board_->held()));
  const ParticipantBook::Size size = book_.CountAll();
  status.set_participants(static_cast<uint32_t>(size.participants));
  status.set_participant_processes(static_cast<uint32_t>(size.processes));
  status.set_audit_records_lost(audit_->lost());
}

}  // namespace ddskey
