#ifndef DAEMON_KEYSTORE_CRASH_VFS_H_
#define DAEMON_KEYSTORE_CRASH_VFS_H_

namespace ddskey::test {

// InstallCrashVfs puts itself between SQLite and the files of this process. It must be called before the first use of
// SQLite, in a process made for it.
void InstallCrashVfs();

// CrashAt kills this process with SIGKILL at the `change`th change of a file from now on, counted from 1: before it
// cuts, synchronises or removes a file, or when it has written half of what it was to write.
void CrashAt(int change);

}  // namespace ddskey::test

#endif  // DAEMON_KEYSTORE_CRASH_VFS_H_
