#!/usr/bin/python3
"""Runs a command as the service unit would confine it: confine.py UNIT COMMAND...

No new privileges, no capabilities (also for root), the unit's system call filter and address families. What a unit sets
by mounts is not done here. systemd-analyze tells what the filter's groups hold on this machine."""
import ctypes
import os
import socket
import subprocess
import sys

PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, LAST_CAPABILITY = 24, 38, 40
ALLOW, REFUSE, EQUAL = 0x7FFF0000, 0x00050000 | 1, 4  # seccomp.h: SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(EPERM), SCMP_CMP_EQ


class Comparison(ctypes.Structure):
    """struct scmp_arg_cmp"""
    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def settings(unit, key):
    with open(unit, encoding="utf-8") as file:
        return [line.split("=", 1)[1].strip() for line in file if line.startswith(f"{key}=")]


def calls_of(group):
    """The names of a group, and of the groups in it."""
    if not group.startswith("@"):
        return {group}
    listing = subprocess.run(["systemd-analyze", "syscall-filter", group], stdout=subprocess.PIPE, check=True, timeout=20).stdout.decode()
    names = [line.strip() for line in listing.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return set().union(*(calls_of(name) for name in names))


def allowed_calls(unit):
    """As systemd.exec(5) says: the lines one after another, where ~ takes away."""
    allowed = calls_of("@default")
    for line in settings(unit, "SystemCallFilter"):
        named = set().union(*(calls_of(word) for word in line.lstrip("~").split()))
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


def main():
    unit, command = sys.argv[1], sys.argv[2:]
    allowed = allowed_calls(unit)
    families = [getattr(socket, name) for name in settings(unit, "RestrictAddressFamilies")[0].split()]
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    filter_ = ctypes.c_void_p(seccomp.seccomp_init(REFUSE))
    for name in allowed:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            continue  # of another architecture
        if name == "socket":
            for family in families:
                is_family = Comparison(0, EQUAL, family, 0)
                seccomp.seccomp_rule_add_array(filter_, ALLOW, number, 1, ctypes.byref(is_family))
        elif seccomp.seccomp_rule_add_array(filter_, ALLOW, number, 0, None) != 0:
            sys.exit(f"{name} cannot be allowed")
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(LAST_CAPABILITY + 1):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or seccomp.seccomp_load(filter_) != 0:
        sys.exit("the filter cannot be loaded")
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
