// A PKCS#11 module that hands everything to SoftHSM2, and misbehaves on command.
//
// MISBEHAVIOUR names a folder. The words in its file "commands" say what to do, each as FUNCTION:WHAT; a word that ends
// with '!' is done once. Calls of C_Login and C_Initialize, and what "sign:probe" found out, are lines of its file
// "log".

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>

#include "plugin_shim/pkcs11/cryptoki.h"

namespace {

CK_FUNCTION_LIST real;
CK_FUNCTION_LIST ours;
int open_sessions = 0;
std::mutex commands_mutex;

std::string File(const char* name) {
  const char* const folder = getenv("MISBEHAVIOUR");
  return std::string(folder == nullptr ? "/nowhere" : folder) + "/" + name;
}

// Whether `word` is commanded now.
bool Told(const std::string& word) {
  const std::lock_guard lock(commands_mutex);
  std::ifstream file(File("commands"));
  std::stringstream left;
  bool told = false;
  bool once = false;
  for (std::string found; file >> found;) {
    const bool now = found == word + "!";
    once = once || now;
    told = told || now || found == word;
    if (!now) left << found << '\n';
  }
  file.close();
  if (once) std::ofstream(File("commands")) << left.str();
  return told;
}

void Log(const std::string& line) {
  const std::string text = line + "\n";
  const int log = open(File("log").c_str(), O_WRONLY | O_APPEND | O_CREAT, 0666);
  if (log < 0) return;
  fchmod(log, 0666);
  if (write(log, text.data(), text.size()) < 0) perror("log");
  close(log);
}

[[noreturn]] void Hang() {
  while (true) pause();
}

void Ignore(int) {}

// Does what any function may be told to.
void Misbehave(const std::string& function) {
  if (Told(function + ":hang")) Hang();
  if (Told(function + ":deaf")) {
    for (int signal = 1; signal < 32; ++signal) ::signal(signal, &Ignore);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, nullptr);
    Hang();
  }
  if (Told(function + ":segv")) {
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
  }
  if (Told(function + ":abort")) abort();
  if (Told(function + ":exit")) _exit(7);
  if (Told(function + ":print")) {
    const std::string text(64, 'x');
    for (int fd = 0; fd < 32; ++fd) {
      if (write(fd, text.data(), text.size()) < 0) continue;
    }
  }
  if (Told(function + ":close")) {
    for (int fd = 0; fd < 32; ++fd) close(fd);
  }
}

const char* Outcome(long result) { return result < 0 ? strerrorname_np(errno) : "possible"; }

// Tries what a module has no business with.
void Probe() {
  const char* const secret = getenv("SECRET_FILE");
  const char* const daemon = getenv("DAEMON_PID");
  const pid_t other = daemon == nullptr ? getppid() : atoi(daemon);
  Log(std::string("fork ") + Outcome(syscall(SYS_fork)));
  Log(std::string("exec ") + Outcome(execl("/bin/true", "true", nullptr)));
  Log(std::string("internet ") + Outcome(socket(AF_INET, SOCK_STREAM, 0)));
  Log(std::string("unix ") + Outcome(socket(AF_UNIX, SOCK_STREAM, 0)));
  Log(std::string("netlink ") + Outcome(socket(AF_NETLINK, SOCK_RAW, 0)));
  Log(std::string("ptrace ") + Outcome(ptrace(PTRACE_ATTACH, other, nullptr, nullptr)));
  Log(std::string("kill ") + Outcome(kill(other, 0)));
  Log(std::string("unshare ") + Outcome(syscall(SYS_unshare, 0)));
  Log(std::string("keyctl ") + Outcome(syscall(SYS_keyctl, 0, 0)));
  Log(std::string("bpf ") + Outcome(syscall(SYS_bpf, 0, nullptr, 0)));
  Log(std::string("typing ") + Outcome(syscall(SYS_ioctl, 0, TIOCSTI, "x")));
  Log(std::string("typing wide ") + Outcome(syscall(SYS_ioctl, 0, TIOCSTI | (1UL << 32), "x")));
  Log(std::string("pasting ") + Outcome(syscall(SYS_ioctl, 0, TIOCLINUX, "\3")));
  if (secret != nullptr) Log(std::string("secret ") + Outcome(open(secret, O_RDONLY)));
  std::string descriptors = "descriptors";
  for (int fd = 0; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) descriptors += " " + std::to_string(fd);
  }
  Log(descriptors);
  std::string variables = "environment";
  for (char** entry = environ; *entry != nullptr; ++entry) {
    variables += " " + std::string(*entry).substr(0, std::string(*entry).find('='));
  }
  Log(variables);
}

CK_RV Initialize(CK_VOID_PTR arguments) {
  Log("initialize");
  Misbehave("initialize");
  const auto* const told = static_cast<const CK_C_INITIALIZE_ARGS*>(arguments);
  if (told != nullptr && (told->flags & CKF_OS_LOCKING_OK) != 0 && Told("initialize:no-threads")) return CKR_CANT_LOCK;
  return real.C_Initialize(arguments);
}

CK_RV GetSlotList(CK_BBOOL present, CK_SLOT_ID_PTR slots, CK_ULONG_PTR count) {
  if (Told("token:away")) {
    *count = 0;
    return CKR_OK;
  }
  if (Told("slots:countless")) {
    *count = ~CK_ULONG{0};
    return slots == nullptr ? CKR_OK : CKR_BUFFER_TOO_SMALL;
  }
  return real.C_GetSlotList(present, slots, count);
}

CK_RV GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
  if (Told("token:away")) return CKR_TOKEN_NOT_PRESENT;
  const CK_RV value = real.C_GetTokenInfo(slot, info);
  if (Told("token:low")) info->flags |= CKF_USER_PIN_COUNT_LOW;
  if (Told("token:final")) info->flags |= CKF_USER_PIN_FINAL_TRY;
  if (Told("token:locked")) info->flags |= CKF_USER_PIN_LOCKED;
  if (Told("token:no-login")) info->flags &= ~static_cast<CK_FLAGS>(CKF_LOGIN_REQUIRED);
  if (Told("token:own-keypad")) info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
  if (Told("token:two-sessions")) info->ulMaxSessionCount = 2;
  if (Told("token:escapes")) memset(info->label, 27, sizeof(info->label));
  return value;
}

CK_RV OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR own, CK_NOTIFY notify, CK_SESSION_HANDLE_PTR session) {
  if (Told("token:away")) return CKR_TOKEN_NOT_PRESENT;
  if (Told("sessions:three") && open_sessions >= 3) return CKR_SESSION_COUNT;
  const CK_RV value = real.C_OpenSession(slot, flags, own, notify, session);
  if (value == CKR_OK) ++open_sessions;
  return value;
}

CK_RV Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG size) {
  Log(pin == nullptr ? "login without" : "login");
  Misbehave("login");
  static char keypad[] = "1234";
  if (pin == nullptr) return real.C_Login(session, user, reinterpret_cast<CK_UTF8CHAR_PTR>(keypad), 4);
  return real.C_Login(session, user, pin, size);
}

CK_RV SignInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
  if (Told("token:away")) return CKR_DEVICE_REMOVED;
  if (Told("sign:stale-handle")) return CKR_KEY_HANDLE_INVALID;
  if (Told("sign:not-logged-in")) return CKR_USER_NOT_LOGGED_IN;
  if (Told("sign:general-error")) return CKR_GENERAL_ERROR;
  if (Told("sign:no-mechanism")) return CKR_MECHANISM_INVALID;
  if (Told("sign:close-session")) real.C_CloseSession(session);
  if (Told("sign:close-sessions")) {
    CK_SESSION_INFO info = {};
    real.C_GetSessionInfo(session, &info);
    real.C_CloseAllSessions(info.slotID);
  }
  return real.C_SignInit(session, mechanism, key);
}

CK_RV Sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG size, CK_BYTE_PTR signature, CK_ULONG_PTR length) {
  Misbehave("sign");
  if (Told("sign:probe")) Probe();
  const CK_RV value = real.C_Sign(session, data, size, signature, length);
  if (Told("sign:nothing")) *length = 0;
  if (Told("sign:huge")) *length = ~CK_ULONG{0};
  if (Told("sign:odd")) *length = 63;
  if (Told("sign:garbage")) memset(signature, 0x5a, *length);
  return value;
}

CK_RV GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR list, CK_ULONG count) {
  const CK_RV value = real.C_GetAttributeValue(session, object, list, count);
  for (CK_ULONG i = 0; i < count; ++i) {
    CK_ATTRIBUTE& attribute = list[i];
    const bool filled = value == CKR_OK && attribute.pValue != nullptr;
    if (attribute.type == CKA_EC_POINT && Told("attribute:huge")) attribute.ulValueLen = CK_ULONG{1} << 40;
    if (attribute.type == CKA_EC_POINT && filled && Told("attribute:off-curve")) {
      static_cast<unsigned char*>(attribute.pValue)[40] ^= 1;
    }
    if (attribute.type == CKA_ID && filled && Told("attribute:other-id")) static_cast<char*>(attribute.pValue)[0] ^= 1;
    if (attribute.type == CKA_EXTRACTABLE && filled && Told("attribute:extractable")) {
      *static_cast<CK_BBOOL*>(attribute.pValue) = CK_TRUE;
    }
  }
  return value;
}

CK_RV GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR for_public,
                      CK_ULONG public_count, CK_ATTRIBUTE_PTR for_private, CK_ULONG private_count,
                      CK_OBJECT_HANDLE_PTR public_key, CK_OBJECT_HANDLE_PTR private_key) {
  Misbehave("generate");
  if (Told("generate:plain-templates")) {
    const bool asks = std::any_of(for_private, for_private + private_count, [](const CK_ATTRIBUTE& attribute) {
      return attribute.type == CKA_MODIFIABLE || attribute.type == CKA_ALLOWED_MECHANISMS ||
             attribute.type == CKA_UNWRAP;
    });
    if (asks) return CKR_ATTRIBUTE_TYPE_INVALID;
    Log("generate");
  }
  if (Told("generate:full")) return CKR_DEVICE_MEMORY;
  return real.C_GenerateKeyPair(session, mechanism, for_public, public_count, for_private, private_count, public_key,
                                private_key);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
  void* const library = dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return CKR_GENERAL_ERROR;
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* functions = nullptr;
  if (get == nullptr || get(&functions) != CKR_OK) return CKR_GENERAL_ERROR;
  real = *functions;
  ours = real;
  ours.C_Initialize = &Initialize;
  ours.C_GetSlotList = &GetSlotList;
  ours.C_GetTokenInfo = &GetTokenInfo;
  ours.C_OpenSession = &OpenSession;
  ours.C_Login = &Login;
  ours.C_SignInit = &SignInit;
  ours.C_Sign = &Sign;
  ours.C_GetAttributeValue = &GetAttributeValue;
  ours.C_GenerateKeyPair = &GenerateKeyPair;
  *list = &ours;
  return CKR_OK;
}
