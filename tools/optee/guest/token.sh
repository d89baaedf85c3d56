#!/bin/busybox sh
# shellcheck shell=dash
# Speaks p11-kit's remote protocol for OP-TEE's PKCS#11 module on a connection.
exec p11-kit remote /usr/lib/aarch64-linux-gnu/libckteec.so.0
