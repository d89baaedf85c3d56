#include "daemon/backend/tpm2/endorsement_certificates.h"

#include <tss2/tss2_tpm2_types.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "daemon/backend/tpm2/tss_status.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

// TCG EK Credential Profile, 2.2.1.4 and 2.2.1.5.3: certificates of the templates L-1 and L-2, and the chain.
constexpr TPM2_HANDLE kRsaCertificate = 0x01c00002;
constexpr TPM2_HANDLE kEcCertificate = 0x01c0000a;
constexpr TPM2_HANDLE kFirstOfChain = 0x01c00100;
constexpr TPM2_HANDLE kLastOfChain = 0x01c001ff;

constexpr size_t kLargest = size_t{16} * 1024;
constexpr size_t kMostIntermediates = 7;
// Every TPM reads that much at once.
constexpr size_t kStep = 512;
constexpr char kDoing[] = "reading an endorsement certificate from the TPM";

// ReadPlace reads a place of the TPM's memory; empty if there is no such place, or nobody may read it without a
// password.
absl::StatusOr<std::string> ReadPlace(TpmChannel& channel, TPM2_HANDLE place) {
  TPM2B_NV_PUBLIC area = {};
  const absl::Status found =
      channel.Bare({.command = {.code = TPM2_CC_NV_ReadPublic},
                    .doing = kDoing,
                    .prepare = [&](TSS2_SYS_CONTEXT* sys) { return Tss2_Sys_NV_ReadPublic_Prepare(sys, place); },
                    .complete =
                        [&](TSS2_SYS_CONTEXT* sys) {
                          TPM2B_NAME name = {};
                          return Tss2_Sys_NV_ReadPublic_Complete(sys, &area, &name);
                        }});
  if (const auto raw = RawTss(found); raw.has_value() && TpmCode(*raw) == TPM2_RC_HANDLE) return "";
  RETURN_IF_ERROR(found);
  constexpr TPMA_NV kReadable = TPMA_NV_AUTHREAD | TPMA_NV_WRITTEN;
  if ((area.nvPublic.attributes & kReadable) != kReadable || area.nvPublic.dataSize > kLargest) return "";
  std::string octets;
  while (octets.size() < area.nvPublic.dataSize) {
    const auto size = static_cast<UINT16>(std::min(kStep, area.nvPublic.dataSize - octets.size()));
    const absl::Status read = channel.Plain(
        {.command = {.code = TPM2_CC_NV_Read},
         .doing = kDoing,
         .prepare =
             [&](TSS2_SYS_CONTEXT* sys) {
               return Tss2_Sys_NV_Read_Prepare(sys, place, place, size, static_cast<UINT16>(octets.size()));
             },
         .complete =
             [&](TSS2_SYS_CONTEXT* sys) {
               TPM2B_MAX_NV_BUFFER part = {};
               const TSS2_RC rc = Tss2_Sys_NV_Read_Complete(sys, &part);
               octets.append(reinterpret_cast<char*>(part.buffer), std::min(part.size, size));
               if (part.size == 0) area.nvPublic.dataSize = 0;
               return rc;
             }});
    RETURN_IF_ERROR(read);
  }
  return octets;
}

// DerSize is how many octets the SEQUENCE at the beginning of `octets` takes; nothing if there is none, or not all of
// it.
std::optional<size_t> DerSize(std::string_view octets) {
  constexpr uint8_t kSequence = 0x30;
  if (octets.size() < 4 || static_cast<uint8_t>(octets[0]) != kSequence) return std::nullopt;
  // A certificate is never shorter than what two octets of length are for.
  if (static_cast<uint8_t>(octets[1]) != 0x82) return std::nullopt;
  const size_t size = 4 + (static_cast<size_t>(static_cast<uint8_t>(octets[2])) << 8) + static_cast<uint8_t>(octets[3]);
  return size <= octets.size() ? std::optional(size) : std::nullopt;
}

absl::StatusOr<std::vector<TPM2_HANDLE>> PlacesOfChain(TpmChannel& channel) {
  TPMS_CAPABILITY_DATA data = {};
  RETURN_IF_ERROR(channel.Bare({.command = {.code = TPM2_CC_GetCapability},
                                .doing = kDoing,
                                .prepare =
                                    [&](TSS2_SYS_CONTEXT* sys) {
                                      return Tss2_Sys_GetCapability_Prepare(sys, TPM2_CAP_HANDLES, kFirstOfChain,
                                                                            kMostIntermediates);
                                    },
                                .complete =
                                    [&](TSS2_SYS_CONTEXT* sys) {
                                      TPMI_YES_NO more = 0;
                                      return Tss2_Sys_GetCapability_Complete(sys, &more, &data);
                                    }}));
  std::vector<TPM2_HANDLE> places;
  const TPML_HANDLE& handles = data.data.handles;
  for (const TPM2_HANDLE handle : std::span(handles.handle, std::min<size_t>(handles.count, TPM2_MAX_CAP_HANDLES))) {
    if (handle >= kFirstOfChain && handle <= kLastOfChain) places.push_back(handle);
  }
  return places;
}

}  // namespace

std::vector<std::string> SplitCertificates(std::string_view octets) {
  std::vector<std::string> certificates;
  while (const auto size = DerSize(octets)) {
    certificates.emplace_back(octets.substr(0, *size));
    octets.remove_prefix(*size);
  }
  return certificates;
}

absl::StatusOr<std::string> ReadEndorsementCertificate(TpmChannel& channel, EndorsementKind kind) {
  ASSIGN_OR_RETURN(const std::string octets,
                   ReadPlace(channel, kind == EndorsementKind::kRsa2048 ? kRsaCertificate : kEcCertificate));
  const std::vector<std::string> certificates = SplitCertificates(octets);
  return certificates.empty() ? "" : certificates.front();
}

absl::StatusOr<std::vector<std::string>> ReadIntermediateCertificates(TpmChannel& channel) {
  ASSIGN_OR_RETURN(const std::vector<TPM2_HANDLE> places, PlacesOfChain(channel));
  std::string octets;
  for (const TPM2_HANDLE place : places) {
    // The certificates may go on from one place to the next.
    ASSIGN_OR_RETURN(const std::string part, ReadPlace(channel, place));
    octets += part;
  }
  std::vector<std::string> certificates = SplitCertificates(octets);
  if (certificates.size() > kMostIntermediates) certificates.resize(kMostIntermediates);
  return certificates;
}

}  // namespace ddskey::tpm
