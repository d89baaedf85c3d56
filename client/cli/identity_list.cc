#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/output.h"
#include "client/cli/text.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr Option kOptions[] = {
    {.name = "all", .value = "", .help = "also deleted identities that were not purged"},
};

// Others says in a few words what there is besides the current generation.
std::string Others(const v1::Key& key) {
  std::string others;
  uint32_t participants = 0;
  for (const v1::KeyGeneration& generation : key.generations()) {
    if (generation.state() == "next") others += "next " + std::to_string(generation.number()) + " ";
    if (generation.state() == "old") participants += generation.participants();
    if (generation.state() == "old") others += "old " + std::to_string(generation.number()) + " ";
  }
  if (participants > 0) others += "(" + std::to_string(participants) + " participants)";
  return others.empty() ? "-" : others;
}

absl::Status Run(const Arguments& arguments, AdminClient& admin, const Io& io) {
  v1::ListKeysRequest request;
  request.set_include_deleted(arguments.Has("all"));
  ASSIGN_OR_RETURN(const v1::ListKeysResponse response, admin.ListKeys(request));
  if (io.json) return PrintJson(response, io);
  if (response.keys().empty()) {
    io.out << "No identities. Make one with: ddskeyctl identity create NAME --subject SUBJECT\n";
    return absl::OkStatus();
  }
  std::vector<std::vector<std::string>> rows = {
      {"NAME", "STATE", "GENERATION", "OTHERS", "SUBJECT", "CERTIFICATE VALID UNTIL"}};
  for (const v1::Key& key : response.keys()) {
    rows.push_back({key.name(), key.state(), std::to_string(key.generation()), Others(key),
                    key.has_certificate() ? key.certificate().subject() : "-",
                    key.has_certificate() ? FormatEnd(key.certificate().not_after(), io.now) : "no certificate"});
  }
  io.out << FormatTable(rows);
  return absl::OkStatus();
}

}  // namespace

constinit const Command kIdentityList = {
    .name = "identity list",
    .summary = "List the identities, with their generations.",
    .details = "",
    .operands = {},
    .options = kOptions,
    .run = &Run,
};

}  // namespace ddskey::cli
