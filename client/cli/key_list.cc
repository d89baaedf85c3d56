#include <algorithm>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr Option kOptions[] = {
    {.name = "all", .value = "", .help = "also deleted keys that were not purged"},
};

// BoundTo is which registers of a TPM a key is bound to; empty for none.
std::string BoundTo(const v1::Key& key) {
  for (const v1::KeyGeneration& generation : key.generations()) {
    if (generation.state() == "current") return generation.pcr_binding().pcrs();
  }
  return "";
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::ListKeysRequest request;
  request.set_include_deleted(arguments.Has("all"));
  ASSIGN_OR_RETURN(const v1::ListKeysResponse response, admin.ListKeys(request));
  if (io.json) return PrintJson(response, io);
  if (response.keys().empty()) {
    io.out << "No keys. Make one with: ddskeyctl key create NAME\n";
    return absl::OkStatus();
  }
  std::vector<std::vector<std::string>> rows = {
      {"NAME", "ALGORITHM", "PURPOSE", "BACKEND", "STATE", "SUBJECT", "CERTIFICATE VALID UNTIL"}};
  const bool any_bound = std::ranges::any_of(response.keys(), [](const v1::Key& key) { return !BoundTo(key).empty(); });
  if (any_bound) rows.front().push_back("BOUND TO");
  for (const v1::Key& key : response.keys()) {
    const std::string lost = key.backend_problem().empty() ? "" : " (not the holder)";
    std::string state = key.state();
    if (key.imported()) state += ", imported";
    if (key.left_custody()) state += ", left custody";
    rows.push_back({key.name(), key.algorithm(), key.purpose(), key.backend() + lost, state,
                    key.has_certificate() ? key.certificate().subject() : "-",
                    key.has_certificate() ? FormatEnd(key.certificate().not_after(), io.now) : "no certificate"});
    if (any_bound) rows.back().push_back(BoundTo(key).empty() ? "-" : BoundTo(key));
  }
  io.out << FormatTable(rows);
  return absl::OkStatus();
}

}  // namespace

constinit const Command kKeyList = {
    .name = "key list",
    .summary = "List the keys.",
    .details = "",
    .operands = {},
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
