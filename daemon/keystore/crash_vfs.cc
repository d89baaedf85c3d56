#include "daemon/keystore/crash_vfs.h"

#include <sqlite3.h>
#include <unistd.h>

#include <csignal>
#include <map>

namespace ddskey::test {
namespace {

// What a file of SQLite's own does, and what is done in its place; `methods` is first, so that a file's pointer to its
// methods is one to this.
struct Wrapped {
  sqlite3_io_methods methods;
  const sqlite3_io_methods* original;
};

int changes_left = 0;
sqlite3_vfs* real = nullptr;

bool IsTheMoment() { return changes_left > 0 && --changes_left == 0; }

[[noreturn]] void Crash() {
  kill(getpid(), SIGKILL);
  // The signal is delivered before kill returns.
  _exit(99);
}

const sqlite3_io_methods* Original(sqlite3_file* file) {
  return reinterpret_cast<const Wrapped*>(file->pMethods)->original;
}

int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  if (!IsTheMoment()) return Original(file)->xWrite(file, data, size, offset);
  Original(file)->xWrite(file, data, size / 2, offset);
  Crash();
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (IsTheMoment()) Crash();
  return Original(file)->xTruncate(file, size);
}

int Sync(sqlite3_file* file, int flags) {
  if (IsTheMoment()) Crash();
  return Original(file)->xSync(file, flags);
}

int Delete(sqlite3_vfs*, const char* name, int sync_folder) {
  if (IsTheMoment()) Crash();
  return real->xDelete(real, name, sync_folder);
}

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  // SQLite has a table of methods for each kind of locking.
  static std::map<const sqlite3_io_methods*, Wrapped>& tables = *new std::map<const sqlite3_io_methods*, Wrapped>;
  const int result = real->xOpen(real, name, file, flags, flags_out);
  if (result != SQLITE_OK || file->pMethods == nullptr) return result;
  const auto [found, is_new] = tables.try_emplace(file->pMethods);
  Wrapped& wrapped = found->second;
  if (is_new) {
    wrapped.original = file->pMethods;
    wrapped.methods = *file->pMethods;
    wrapped.methods.xWrite = Write;
    wrapped.methods.xTruncate = Truncate;
    wrapped.methods.xSync = Sync;
  }
  file->pMethods = &wrapped.methods;
  return result;
}

}  // namespace

void InstallCrashVfs() {
  real = sqlite3_vfs_find(nullptr);
  static sqlite3_vfs vfs = *real;
  vfs.zName = "crash";
  vfs.xOpen = Open;
  vfs.xDelete = Delete;
  vfs.pNext = nullptr;
  sqlite3_vfs_register(&vfs, /*makeDflt=*/1);
}

void CrashAt(int change) { changes_left = change; }

}  // namespace ddskey::test
