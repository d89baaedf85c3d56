// The kept roots of tickets (daemon/handshake/ticket_roots.h).
// They are a file that may be of an older version, of another boot, or damaged. An input is its content, with escapes;
// `{boot}` is the digest of this boot.

#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "daemon/handshake/digest.h"
#include "daemon/handshake/root_storage.h"
#include "daemon/handshake/ticket.h"
#include "daemon/handshake/ticket_roots.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

constexpr absl::Duration kNow = absl::Hours(1);
const TicketBinding kBinding = {"caller", "participant"};

std::string Content(std::string_view input) {
  std::string content = Unescape(input);
  const size_t at = content.find("{boot}");
  if (at != std::string::npos) content.replace(at, 6, Sha256("boot"));
  return content;
}

// File is an anonymous file.
class File {
 public:
  explicit File(const std::string& content) : descriptor_(memfd_create("roots", MFD_CLOEXEC)) {
    Require(write(descriptor_, content.data(), content.size()) == static_cast<ssize_t>(content.size()), "setup");
  }
  ~File() { close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  absl::StatusOr<std::unique_ptr<TicketRoots>> OpenRoots() const {
    return TicketRoots::Open(std::make_unique<DescriptorRootStorage>(descriptor_), "boot", [] { return kNow; });
  }
  // The planted bug: after a restart the storage is empty if it once held more than roots.
  void Restart(size_t size) const {
    if (planted_bug && size > 184) Require(ftruncate(descriptor_, 0) == 0, "setup");
  }

 private:
  const int descriptor_;
};

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  const std::string content = Content(AsText(data, size));
  const File file(content);
  const auto roots = file.OpenRoots();
  Require(roots.ok(), "a daemon starts whatever its storage holds");
  const TicketSealer sealer(**roots, "instance");
  const auto identity = sealer.Seal(TicketKind::kIdentity, kBinding, "body", nullptr);
  const auto request = sealer.Seal(TicketKind::kRequestSent, kBinding, "body", nullptr);
  Require(identity.ok() && request.ok(), "tickets are sealed");

  file.Restart(content.size());
  const auto kept = file.OpenRoots();
  Require(kept.ok(), "a daemon starts again");
  const TicketSealer again(**kept, "instance");
  Require(again.Open(TicketKind::kIdentity, kBinding, *identity).ok(), "identity tickets survive a restart");
  Require(again.Open(TicketKind::kRequestSent, kBinding, *request).ok(), "handshake tickets survive a restart");
  Require(!again.Open(TicketKind::kPeer, kBinding, *identity).ok(), "kinds stay apart");
  return 0;
}
