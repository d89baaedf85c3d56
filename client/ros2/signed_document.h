#ifndef CLIENT_ROS2_SIGNED_DOCUMENT_H_
#define CLIENT_ROS2_SIGNED_DOCUMENT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace ddskey::ros2 {

// OpenSignedDocument returns what the S/MIME document `smime` (DDS Security 9.4.1.1) says, if the key of the
// permissions CA `permissions_ca` (PEM) has signed it. INVALID_ARGUMENT if it is no such document, FAILED_PRECONDITION
// if somebody else has signed it or it was changed.
absl::StatusOr<std::string> OpenSignedDocument(std::string_view smime, std::string_view permissions_ca);

// Grant is a <grant> of a permissions document (9.4.1.3).
struct Grant {
  std::string subject_name;
  absl::Time not_before = absl::InfinitePast();
  absl::Time not_after = absl::InfiniteFuture();
};

// ReadGrants reads the grants of a permissions document that is known to be the permissions CA's. INVALID_ARGUMENT if
// there is none, or one without a subject or with a date that cannot be read.
absl::StatusOr<std::vector<Grant>> ReadGrants(std::string_view xml);

// SameSubject tells whether two subjects in the form of RFC 2253 are the same: the same attributes, in the same or the
// reverse order, whatever space is between them.
bool SameSubject(std::string_view a, std::string_view b);

}  // namespace ddskey::ros2

#endif  // CLIENT_ROS2_SIGNED_DOCUMENT_H_
