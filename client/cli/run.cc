#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/drop_in.h"
#include "client/cli/executable.h"
#include "client/cli/exit_code.h"
#include "client/cli/text.h"
#include "proto/contract/key_name.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {
namespace {

constexpr Option kOptions[] = {
    {.name = "identity", .value = "NAME", .help = "give CMD the configuration that ddskeyctl setup has written for it"},
    {.name = "cyclonedds",
     .value = "URI",
     .help = "with --identity: more configuration for Cyclone DDS, as in CYCLONEDDS_URI"},
    {.name = "print", .value = "", .help = "print the environment as a line for a shell, and run nothing"},
    {.name = "drop-in",
     .value = "DIR",
     .help = "folder of our libdds_security_auth.so; the installed one if not given"},
    {.name = "etc", .value = "DIR", .help = "folder of the configuration (default /etc/ddskeyd)"},
};

struct Environment {
  std::string library_path;
  // Empty if it stays as it is.
  std::string cyclonedds_uri;
};

// UriOf is the configuration of an identity that setup has written.
absl::StatusOr<std::string> UriOf(const Arguments& arguments, const std::string& name) {
  if (!KeyName::Parse(name).has_value())
    return UsageError("--identity: \"" + Escape(name) + "\" cannot be a key's name");
  const std::string folder = absl::StrCat(arguments.Value("etc").value_or("/etc/ddskeyd"), "/applications/", name);
  const std::string advice = absl::StrCat(": as root, ddskeyctl setup --identity ", name, "=USER");
  for (const char* file : {"cyclonedds.xml", "identity_ca.pem", "certificate.pem", "permissions_ca.pem",
                           "governance.p7s", "permissions.p7s"}) {
    const std::string path = absl::StrCat(folder, "/", file);
    if (access(path.c_str(), R_OK) != 0) {
      return absl::FailedPreconditionError(absl::StrCat("cannot read ", path, " (", std::strerror(errno), ")", advice));
    }
  }
  // What comes later wins: the security of the identity.
  const std::string more = arguments.Value("cyclonedds").value_or("");
  return absl::StrCat(more, more.empty() ? "" : ",", "file://", folder, "/cyclonedds.xml");
}

absl::StatusOr<Environment> EnvironmentOf(const Arguments& arguments) {
  if (arguments.Has("cyclonedds") && !arguments.Has("identity")) return UsageError("--cyclonedds goes with --identity");
  if (arguments.Has("etc") && !arguments.Value("etc")->starts_with('/')) return UsageError("--etc is an absolute path");
  ASSIGN_OR_RETURN(const Plugins plugins, FindPlugins(arguments.Value("drop-in")));
  Environment environment{.library_path = plugins.drop_in, .cyclonedds_uri = ""};
  const auto identity = arguments.Value("identity");
  if (!identity.has_value()) return environment;
  ASSIGN_OR_RETURN(environment.cyclonedds_uri, UriOf(arguments, *identity));
  const char* const there = getenv("CYCLONEDDS_URI");
  if (there != nullptr && *there != '\0' && !arguments.Has("cyclonedds") && !arguments.Has("print")) {
    return absl::FailedPreconditionError(
        absl::StrCat("CYCLONEDDS_URI is set already, to ", there,
                     ": unset it, or keep it beside the identity's with --cyclonedds \"$CYCLONEDDS_URI\""));
  }
  return environment;
}

// LibraryPath is the drop-in folder before what is on the path already.
std::string LibraryPath(const Environment& environment) {
  const char* const there = getenv("LD_LIBRARY_PATH");
  if (there == nullptr || *there == '\0') return environment.library_path;
  return absl::StrCat(environment.library_path, ":", there);
}

void Print(const Environment& environment, const Io& io) {
  io.out << "LD_LIBRARY_PATH=" << ShellWord(LibraryPath(environment));
  if (!environment.cyclonedds_uri.empty()) io.out << " CYCLONEDDS_URI=" << ShellWord(environment.cyclonedds_uri);
  io.out << '\n';
}

void Set(const Environment& environment) {
  setenv("LD_LIBRARY_PATH", LibraryPath(environment).c_str(), 1);
  if (!environment.cyclonedds_uri.empty()) setenv("CYCLONEDDS_URI", environment.cyclonedds_uri.c_str(), 1);
}

absl::Status Execute(std::vector<std::string> command, const Io& io) {
  const char* const search = getenv("PATH");
  const auto program = FindExecutable(command[0], search == nullptr ? "/usr/bin:/bin" : search);
  if (!program.ok()) {
    return WithExitStatus(program.status(),
                          absl::IsNotFound(program.status()) ? ExitCode::kNoSuchProgram : ExitCode::kCannotExecute);
  }
  if (const std::string problem = LoaderProblem(*program); !problem.empty()) {
    io.err << "ddskeyctl: warning: " << Escape(*program) << ": " << problem
           << "; it may go without our plugin (ROS 2 does)\n";
  }
  io.out.flush();
  io.err.flush();
  std::vector<char*> words;
  for (std::string& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  // What the tool ignores, an application would go on ignoring.
  std::signal(SIGPIPE, SIG_DFL);
  execv(program->c_str(), words.data());
  return WithExitStatus(absl::FailedPreconditionError(absl::StrCat(*program, ": ", std::strerror(errno))),
                        errno == ENOENT ? ExitCode::kNoSuchProgram : ExitCode::kCannotExecute);
}

absl::Status Run(const Arguments& arguments, AdminClient&, const Io& io) {
  if (io.json) return UsageError("run has no answer in JSON");
  const std::vector<std::string>& command = arguments.operands();
  if (arguments.Has("print") != command.empty()) {
    return UsageError(command.empty() ? "say what to run: ddskeyctl run [--identity NAME] -- CMD [ARG...]"
                                      : "--print runs nothing: leave out the command");
  }
  ASSIGN_OR_RETURN(const Environment environment, EnvironmentOf(arguments));
  if (command.empty()) {
    Print(environment, io);
    return absl::OkStatus();
  }
  Set(environment);
  return Execute(command, io);
}

}  // namespace

constinit const Command kRun = {
    .name = "run",
    .summary = "Run a DDS application with our plugin, and as an identity.",
    .details =
        "CMD becomes this process, with the folder of our libdds_security_auth.so first on LD_LIBRARY_PATH; with\n"
        "--identity, CYCLONEDDS_URI names the configuration that setup has written for NAME. It runs as whoever calls\n"
        "this, whom the policy must let use the key. The exit status is that of CMD; 126 if it cannot be executed, 127 "
        "if\n"
        "it is not there. Needs no daemon itself.",
    .operands = {},
    .options = kOptions,
    .more = "[-- CMD [ARG...]]",
    .run = &Run,
};

}  // namespace ddskey::cli
