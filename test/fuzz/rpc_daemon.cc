#include "test/fuzz/rpc_daemon.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/handshake/root_storage.h"
#include "daemon/rpc/listening_socket.h"
#include "daemon/rpc/service_table.h"
#include "policy/subject.h"
#include "test/fakes/fake_key_backend.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

constexpr size_t kMostRequests = 10;
constexpr size_t kDeepest = 4;
std::filesystem::path folder;

Limits NoLimits() {
  Limits limits;
  limits.handshakes_per_second = 1'000'000;
  limits.handshake_burst = 1'000'000;
  return limits;
}

std::string AllowAll() {
  return absl::StrCat("rule { name: \"all\" effect: ALLOW caller { uid: ", getuid(),
                      " } key: \"*\" operation: [HANDSHAKE, OWN_TRUST, KEY_CREATE, KEY_LIST, KEY_DELETE, CSR_CREATE, "
                      "CERTIFICATE_INSTALL, STATUS] }");
}

void AppendVarint(uint64_t number, std::string& out) {
  for (; number >= 0x80; number >>= 7) out.push_back(static_cast<char>(number | 0x80));
  out.push_back(static_cast<char>(number));
}

// AppendOctets writes a field of wire type 2.
void AppendOctets(uint32_t field, std::string_view octets, std::string& out) {
  AppendVarint(uint64_t{field} << 3 | 2, out);
  AppendVarint(octets.size(), out);
  out += octets;
}

std::string Expand(std::string_view text, const std::function<std::string(const std::string&)>& expand) {
  std::string out;
  while (!text.empty()) {
    const size_t begin = std::min(text.find('{'), text.size());
    const size_t end = text.find('}', begin);
    out += text.substr(0, begin);
    if (end == std::string_view::npos) {
      out += text.substr(begin);
      break;
    }
    out += expand(std::string(text.substr(begin + 1, end - begin - 1)));
    text.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace

RpcDaemon& RpcDaemon::Get() {
  static RpcDaemon daemon;
  return daemon;
}

RpcDaemon::RpcDaemon() {
  folder = dir_.path();
  before_find = [] { std::filesystem::remove_all(folder); };
  keys_ = *KeyStore::Open(dir_.File("keystore.db"));
  std::vector<BackendSet::Entry> entries;
  entries.push_back({"fake", *keys_->RegisterBackend("fake", "fake"), std::make_unique<test::FakeKeyBackend>()});
  backends_ = std::make_unique<BackendSet>(std::move(entries));
  authorizer_ = std::make_unique<Authorizer>(*Policy::Parse(AllowAll(), "policy", {}), audit_);
  roots_ = *TicketRoots::Open(std::make_unique<FileRootStorage>(dir_.File("roots")), "boot", &TimeSinceBoot);
  sealer_ = std::make_unique<TicketSealer>(*roots_, keys_->instance_uuid());
  pool_ = std::make_unique<WorkerPool>(2);
  authentication_ = std::make_unique<AuthenticationCustodian>(AuthenticationCustodian::Parts{
      *pool_, *authorizer_, *keys_, *backends_, *validator_, *sealer_, changes_, &absl::Now, {}, nullptr, &book_});
  reviewer_ = std::make_unique<PeerReviewer>(
      PeerReviewer::Parts{*pool_, *authorizer_, authentication_->admission(), *sealer_, changes_, &absl::Now});
  board_ = std::make_unique<WatchBoard>(changes_);
  administration_ = std::make_unique<KeyCustodian>(
      KeyCustodian::Parts{*pool_, *authorizer_, *keys_, *backends_, *validator_, changes_, &absl::Now, book_});
  trust_ = std::make_unique<TrustCustodian>(
      TrustCustodian::Parts{*pool_, *authorizer_, *keys_, *validator_, changes_, &absl::Now});
  clock_ = *ClockGuard::Open({*keys_, changes_, [] { return absl::Now(); }, &TimeSinceBoot, absl::UnixEpoch()});
  clock_custodian_ = std::make_unique<ClockCustodian>(*pool_, *authorizer_, *clock_);
  attestation_ =
      std::make_unique<AttestationCustodian>(AttestationCustodian::Parts{*pool_, *authorizer_, *keys_, *backends_});
  checker_ = std::make_unique<StoreChecker>(
      StoreChecker::Parts{*pool_, *authorizer_, *keys_, *backends_, *validator_, &absl::Now});
  backup_ = std::make_unique<BackupCustodian>(BackupCustodian::Parts{*pool_, *authorizer_, *keys_});
  identities_ = std::make_unique<IdentityCustodian>(
      IdentityCustodian::Parts{*pool_, *authorizer_, *keys_, *backends_, *validator_, changes_, book_, &absl::Now});
  limiter_ = std::make_unique<CallLimiter>(NoLimits());
  authentication_handler_ = std::make_unique<AuthenticationHandler>(*limiter_, *authentication_, *reviewer_, *board_);
  admin_handler_ =
      std::make_unique<AdminHandler>(peers_, *limiter_,
                                     AdminHandler::Custodians{*administration_, *identities_, *trust_, *checker_,
                                                              *backup_, *clock_custodian_, *attestation_},
                                     [](const Subject&, v1::GetStatusResponse& status) { status.set_version("fuzz"); });
  ServiceTable services;
  authentication_handler_->AddTo(services);
  application_server_ = *UnaryServer::Start(*ListeningSocket::Bind(dir_.File("socket"), 0600),
                                            {.name = "fuzz", .limits = NoLimits()}, std::move(services));
  admin_server_ = *RpcServer::Start(*ListeningSocket::Bind(dir_.File("admin"), 0600),
                                    {.name = "fuzz", .limits = NoLimits()}, {admin_handler_.get()}, peers_);
  const auto stub = [this](const char* name) {
    return std::make_unique<grpc::GenericStub>(
        grpc::CreateChannel("unix:" + dir_.File(name), grpc::InsecureChannelCredentials()));
  };
  application_stub_ = stub("socket");
  admin_stub_ = stub("admin");
}

RpcDaemon::~RpcDaemon() {
  application_stub_.reset();
  admin_stub_.reset();
  board_->Close();
  application_server_.reset();
  admin_server_.reset();
  // Its deposits are answered by the device.
  authentication_.reset();
  pool_.reset();
}

RpcDaemon::Answer RpcDaemon::Call(const std::string& service, const std::string& method, const std::string& request) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  const grpc::Slice slice(request);
  const grpc::ByteBuffer buffer(&slice, 1);
  grpc::ByteBuffer response;
  std::promise<grpc::Status> done;
  grpc::GenericStub& stub = service == "AdminService" ? *admin_stub_ : *application_stub_;
  stub.UnaryCall(&context, absl::StrCat("/ddskey.v1.", service, "/", method), grpc::StubOptions(), &buffer, &response,
                 [&done](grpc::Status status) { done.set_value(std::move(status)); });
  const grpc::Status status = done.get_future().get();
  Answer answer{status.error_code(), ""};
  std::vector<grpc::Slice> parts;
  if (status.ok() && response.Dump(&parts).ok()) {
    for (const grpc::Slice& part : parts) {
      answer.response.append(reinterpret_cast<const char*>(part.begin()), part.size());
    }
  }
  return answer;
}

std::vector<RequestText> ReadRequests(std::string_view input) {
  std::vector<RequestText> requests;
  for (const std::string_view line : Lines(input)) {
    if (line.starts_with("call ")) {
      if (requests.size() == kMostRequests) break;
      requests.push_back({std::string(line.substr(5)), {}});
    } else if (!requests.empty()) {
      requests.back().lines.push_back(line);
    }
  }
  return requests;
}

std::string Serialize(const RequestText& request, const std::function<std::string(const std::string&)>& expand) {
  // The messages that are open, each with the number of its field.
  std::vector<std::pair<uint32_t, std::string>> open = {{0, ""}};
  const auto close = [&open] {
    const auto [field, octets] = std::move(open.back());
    open.pop_back();
    AppendOctets(field, octets, open.back().second);
  };
  for (const std::string_view line : request.lines) {
    std::string& out = open.back().second;
    const uint32_t field = Number(line) % (1 << 20);
    const size_t sign = line.find_first_of("=:{}");
    if (sign == std::string_view::npos) continue;
    const std::string_view rest = line.substr(sign + 1);
    if (line.starts_with("raw=")) {
      out += Expand(Unescape(rest), expand);
    } else if (line[sign] == '=') {
      AppendOctets(field, Expand(Unescape(rest), expand), out);
    } else if (line[sign] == ':') {
      AppendVarint(uint64_t{field} << 3, out);
      AppendVarint(Number(rest), out);
    } else if (line[sign] == '{') {
      if (open.size() < kDeepest) open.emplace_back(field, "");
    } else if (open.size() > 1) {
      close();
    }
  }
  while (open.size() > 1) close();
  return open.front().second;
}

}  // namespace ddskey::fuzz
