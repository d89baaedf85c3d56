#ifndef CLIENT_CLI_OUTPUT_H_
#define CLIENT_CLI_OUTPUT_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/command.h"
#include "ddskey/v1/admin.pb.h"

namespace ddskey::cli {

// ToJson writes `message` as PrintJson does.
absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message);

// PrintJson prints `message` as one JSON object: all fields, named as in admin.proto, 64 bit numbers as strings.
absl::Status PrintJson(const google::protobuf::Message& message, const Io& io);

// PrintKey prints a key for people, a line a field.
void PrintKey(const v1::Key& key, const Io& io);

// PrintGenerations prints the keys of an identity for people, as a table.
void PrintGenerations(const v1::Key& key, const Io& io);

// PrintRequest writes a certification request to `file` ("-" is the output) and says that the key was `done`, for
// example "Made", and with which command its certificate is to be given.
absl::Status PrintRequest(const v1::RenewIdentityResponse& response, const std::string& done, const std::string& next,
                          const std::string& file, const Io& io);

// PrintCertificate prints a certificate for people.
void PrintCertificate(const v1::Certificate& certificate, const Io& io);

// PrintTrust prints identity CAs and revocation lists for people, as tables, with its options.
void PrintTrust(const v1::TrustResponse& trust, const Io& io);

// ShowTrust prints the answer of a command about trust, for people or as JSON.
absl::Status ShowTrust(const absl::StatusOr<v1::TrustResponse>& trust, const Io& io);

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_OUTPUT_H_
