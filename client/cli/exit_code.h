#ifndef CLIENT_CLI_EXIT_CODE_H_
#define CLIENT_CLI_EXIT_CODE_H_

namespace ddskey::cli {

// ExitCode is documented in `--help`; scripts rely on the numbers.
enum ExitCode : int {
  kOk = 0,
  // Refused or failed; the message says why.
  kFailed = 1,
  // Nothing was done: the command line is wrong.
  kUsage = 2,
  // The daemon, or the device behind it, could not be reached or did not answer in time.
  kUnreachable = 3,
  // An attestation in which everything fits, but that is not known to be of the TPM that it names.
  kUnbound = 4,
  // As of a shell: the program that is to run cannot be executed, or is not there.
  kCannotExecute = 126,
  kNoSuchProgram = 127,
};

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_EXIT_CODE_H_
