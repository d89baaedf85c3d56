// Tries to get out of the sandbox that it is started in, and says of each attempt whether the kernel refused it:
//
//   NAME <tab> refused|allowed <tab> ERRNO, or the signal that ended the attempt
//
// probe VICTIM [NAME...]: VICTIM is a process of another user; with names, only these attempts. test/system/sandbox.py
// runs it under the properties of ddskeyd.service, and as root without and with one line of them.

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace {

// What an attempt comes to: 0, or an errno. Each runs in a process of its own, which ends with it.
using Attempt = int (*)();

pid_t victim = 0;

// For calls that return -1.
int Outcome(long result) { return result == -1 ? errno : 0; }

int Reads(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  char octet = 0;
  if (fd < 0) return errno;
  return read(fd, &octet, 1) < 0 && errno != EISDIR ? errno : 0;
}

// Makes a file, and takes it away again.
int Makes(const char* path) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  unlink(path);
  return 0;
}

int ReadsOfVictim(const char* name) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/%s", victim, name);
  return Reads(path);
}

// Executes the program behind `fd` without a word to say. Returns only if it was refused.
int Executes(int fd) {
  char path[32];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  char name[] = "probe";
  char none[] = "-c";
  char nothing[] = ":";
  char* arguments[] = {name, none, nothing, nullptr};
  char* environment[] = {nullptr};
  execve(path, arguments, environment);
  return errno;
}

int CopyOfMyself(int to) {
  const int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (from < 0) return errno;
  char buffer[4096];
  for (ssize_t size = 0; (size = read(from, buffer, sizeof(buffer))) > 0;) {
    if (write(to, buffer, size) != size) return errno;
  }
  return 0;
}

int ExecutesACopy(const char* path) {
  const int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
  if (out < 0) return errno;
  const int copied = CopyOfMyself(out);
  close(out);
  const int in = open(path, O_RDONLY | O_CLOEXEC);
  unlink(path);
  return copied != 0 ? copied : Executes(in);
}

int WritableCode() {
  void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page == MAP_FAILED ? errno : 0;
}

int WrittenCode() {
  void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return errno;
  memset(page, 0xc3, 4096);
  return Outcome(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

int SetsUserId() {
  const char* const path = "/var/lib/ddskeyd/probe";
  const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  const int outcome = Outcome(fchmod(fd, S_ISUID | 0755));
  unlink(path);
  return outcome;
}

int ReadsMemoryOfVictim() {
  char octet = 0;
  const iovec here = {&octet, 1};
  // No address of the victim is known: EFAULT says that it was allowed to look.
  const iovec there = {reinterpret_cast<void*>(uintptr_t{4096}), 1};
  const int outcome = Outcome(process_vm_readv(victim, &here, 1, &there, 1, 0));
  return outcome == EFAULT ? 0 : outcome;
}

int LoadsModule() {
  // ENOEXEC would say that it was allowed to try.
  const int outcome = Outcome(syscall(SYS_init_module, "no module", size_t{9}, ""));
  return outcome == ENOEXEC ? 0 : outcome;
}

int RealTime() {
  const sched_param first = {.sched_priority = 1};
  return Outcome(sched_setscheduler(0, SCHED_RR, &first));
}

int SetsClock() {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  return Outcome(clock_settime(CLOCK_REALTIME, &now));
}

// What it writes is what stands there.
int WritesTunable() {
  const int fd = open("/proc/sys/net/ipv4/ip_forward", O_RDWR | O_CLOEXEC);
  char value = 0;
  if (fd < 0 || read(fd, &value, 1) != 1) return errno;
  return Outcome(pwrite(fd, &value, 1, 0));
}

int SetsHostName() {
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0) return errno;
  return Outcome(sethostname(name, strlen(name)));
}

int MakesGroup() {
  const int outcome = Outcome(mkdir("/sys/fs/cgroup/probe", 0700));
  rmdir("/sys/fs/cgroup/probe");
  return outcome;
}

int MakesDevice() {
  const int outcome = Outcome(mknod("/var/lib/ddskeyd/probe", S_IFCHR | 0600, makedev(1, 5)));
  unlink("/var/lib/ddskeyd/probe");
  return outcome;
}

struct {
  const char* name;
  Attempt attempt;
} const kAttempts[] = {
    {"nothing", [] { return 0; }},
    {"read a home", [] { return Reads("/home/probe/readable"); }},
    {"read a file of another user's", [] { return Reads("/srv/probe/private"); }},
    {"read root's credentials", [] { return Outcome(open("/etc/ddskeyd/credentials", O_RDONLY | O_DIRECTORY)); }},
    {"see files of others in /tmp", [] { return Reads("/tmp/probe-readable"); }},
    {"write to /etc", [] { return Makes("/etc/probe"); }},
    {"write to /usr", [] { return Makes("/usr/sbin/probe"); }},
    {"write to a folder that all may write to", [] { return Makes("/srv/probe/open/file"); }},
    {"make a device", MakesDevice},
    {"open an IPv4 socket", [] { return Outcome(socket(AF_INET, SOCK_STREAM, 0)); }},
    {"open an IPv6 socket", [] { return Outcome(socket(AF_INET6, SOCK_DGRAM, 0)); }},
    {"open a netlink socket", [] { return Outcome(socket(AF_NETLINK, SOCK_RAW, 0)); }},
    {"open a packet socket", [] { return Outcome(socket(AF_PACKET, SOCK_RAW, 0)); }},
    {"trace another process", [] { return Outcome(ptrace(PTRACE_SEIZE, victim, nullptr, nullptr)); }},
    {"read another process's memory", ReadsMemoryOfVictim},
    {"read another process's environment", [] { return ReadsOfVictim("environ"); }},
    {"signal another process", [] { return Outcome(kill(victim, SIGCONT)); }},
    {"mount a file system", [] { return Outcome(mount("none", "/var/lib/ddskeyd", "tmpfs", 0, nullptr)); }},
    {"load a kernel module", LoadsModule},
    {"map memory to write and execute", WritableCode},
    {"make written memory executable", WrittenCode},
    {"make a user namespace", [] { return Outcome(unshare(CLONE_NEWUSER)); }},
    {"make a mount namespace", [] { return Outcome(unshare(CLONE_NEWNS)); }},
    {"execute a shell", [] { return Executes(open("/bin/sh", O_RDONLY | O_CLOEXEC)); }},
    {"execute from the state folder", [] { return ExecutesACopy("/var/lib/ddskeyd/probe"); }},
    {"execute from the runtime folder", [] { return ExecutesACopy("/run/ddskeyd/probe"); }},
    {"execute from /tmp", [] { return ExecutesACopy("/tmp/probe"); }},
    {"execute from /dev/shm", [] { return ExecutesACopy("/dev/shm/probe"); }},
    {"become root", [] { return Outcome(setresuid(0, 0, 0)); }},
    {"make a file set its user", SetsUserId},
    {"run in real time", RealTime},
    {"change its personality", [] { return Outcome(personality(READ_IMPLIES_EXEC)); }},
    {"change the host's name", SetsHostName},
    {"set the clock", SetsClock},
    {"change a setting of the kernel", WritesTunable},
    {"make a control group", MakesGroup},
    {"read the kernel's log", [] { return Outcome(syscall(SYS_syslog, 3, nullptr, 0)); }},
};

// Runs an attempt in a process of its own, and says what came of it.
void Try(const char* name, Attempt attempt) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) abort();
  const pid_t child = fork();
  if (child == 0) {
    // A program that is executed in its place has an end of the pipe no more: then nothing is written.
    const int outcome = attempt();
    if (write(ends[1], &outcome, sizeof(outcome)) != sizeof(outcome)) abort();
    _exit(0);
  }
  close(ends[1]);
  int outcome = 0;
  const bool said = child > 0 && read(ends[0], &outcome, sizeof(outcome)) == sizeof(outcome);
  close(ends[0]);
  int status = 0;
  if (child > 0) waitpid(child, &status, 0);
  if (child < 0) {
    printf("%s\trefused\tfork\n", name);
  } else if (WIFSIGNALED(status)) {
    printf("%s\trefused\tSIG%s\n", name, sigabbrev_np(WTERMSIG(status)));
  } else if (said && outcome != 0) {
    printf("%s\trefused\t%s\n", name, strerrorname_np(outcome));
  } else {
    printf("%s\tallowed\t\n", name);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  // Executed by an attempt.
  if (strcmp(argv[1], "-c") == 0) return 0;
  victim = atoi(argv[1]);
  setvbuf(stdout, nullptr, _IONBF, 0);
  for (const auto& [name, attempt] : kAttempts) {
    bool wanted = argc == 2;
    for (int i = 2; i < argc; ++i) wanted = wanted || strcmp(argv[i], name) == 0;
    if (wanted) Try(name, attempt);
  }
  return 0;
}
