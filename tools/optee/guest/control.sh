#!/bin/busybox sh
# shellcheck shell=dash
# Does what one line from outside says, and answers with one line.
read -r command
case $command in
  hello) echo "ok" ;;
  "supplicant kill")
    kill -9 "$(pidof tee-supplicant)" && echo "ok"
    ;;
  "supplicant start")
    tee-supplicant -d /dev/teepriv0 && echo "ok"
    ;;
  *) echo "error: unknown command" ;;
esac
