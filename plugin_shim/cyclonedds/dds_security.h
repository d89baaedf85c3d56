#ifndef PLUGIN_SHIM_CYCLONEDDS_DDS_SECURITY_H_
#define PLUGIN_SHIM_CYCLONEDDS_DDS_SECURITY_H_

// The security interface of Cyclone DDS 0.10.2, for C++. Its headers bring along the insides of the DDS core, which are
// no C++ and whose layout differs between builds: nothing here may look at them, so their guard keeps them out. Some do
// not say that they are C.
#define DDSI_DOMAINGV_H
struct ddsi_domaingv;

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern "C" {
#include "dds/ddsrt/attributes.h"
#include "dds/security/core/dds_security_utils.h"
#include "dds/security/core/shared_secret.h"
#include "dds/security/dds_security_api.h"
}

#endif  // PLUGIN_SHIM_CYCLONEDDS_DDS_SECURITY_H_
