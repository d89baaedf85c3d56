// A program in C with nothing but its C library and a PKCS#11 module: token_host [MODULE LABEL]. It signs a digest with
// the key of that label in the module's first token, if it is given one, prints "ready" and waits until it is killed.
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "plugin_shim/pkcs11/cryptoki.h"

static CK_RV SignWith(CK_FUNCTION_LIST* module, char* label) {
  CK_SLOT_ID slot;
  CK_ULONG slots = 1;
  CK_SESSION_HANDLE session;
  CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &private_key, sizeof private_key}, {CKA_LABEL, label, strlen(label)}};
  CK_OBJECT_HANDLE key;
  CK_ULONG found = 0;
  CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
  CK_BYTE digest[32] = {1};
  CK_BYTE signature[64];
  CK_ULONG size = sizeof signature;
  CK_RV rv = module->C_Initialize(NULL);
  if (rv == CKR_OK) rv = module->C_GetSlotList(CK_TRUE, &slot, &slots);
  if (rv == CKR_OK) rv = module->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
  if (rv == CKR_OK) rv = module->C_FindObjectsInit(session, wanted, 2);
  if (rv == CKR_OK) rv = module->C_FindObjects(session, &key, 1, &found);
  if (rv == CKR_OK) rv = module->C_FindObjectsFinal(session);
  if (rv == CKR_OK && found != 1) rv = CKR_KEY_HANDLE_INVALID;
  if (rv == CKR_OK) rv = module->C_SignInit(session, &mechanism, key);
  if (rv == CKR_OK) rv = module->C_Sign(session, digest, sizeof digest, signature, &size);
  return rv;
}

int main(int argc, char** argv) {
  if (argc == 3) {
    void* const library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
      fprintf(stderr, "%s\n", dlerror());
      return 1;
    }
    CK_FUNCTION_LIST* module = NULL;
    const CK_C_GetFunctionList list = (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
    if (list == NULL || list(&module) != CKR_OK) return 1;
    const CK_RV rv = SignWith(module, argv[2]);
    if (rv != CKR_OK) {
      fprintf(stderr, "error 0x%lx\n", rv);
      return 1;
    }
  }
  puts("ready");
  fflush(stdout);
  while (1) pause();
}
