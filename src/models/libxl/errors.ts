/** libxl's error numbers. @source facts/dom0 intro */
export const rc = {
  OK: 0,
  FAIL: -3,
  NOMEM: -5,
  INVAL: -6,
  GUEST_TIMEDOUT: -8,
  TIMEDOUT: -9,
  NOT_READY: -11,
  LOCK_FAIL: -15,
  NOTFOUND: -23,
  QMP_GENERIC_ERROR: -28,
  QEMU_API: -32,
} as const;
