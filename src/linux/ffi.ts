/**
 * The C library's functions that Node has no binding for, declared once.
 *
 * Synchronous calls, but for {@link writeElsewhere}. An address is a plain number: it is below 2^47 on every platform that weft runs on, and a number
 * is the cheapest argument that koffi takes. Rare calls take a typed array instead, which must stay reachable during the
 * call (it does: the call is synchronous) and is not kept. All return -1 on failure and leave the reason in `errno`
 * ({@link lastErrno}). An FFI call costs 0.2 to 0.4 us on top of the system call.
 */
import koffi from 'koffi';

// The running executable is linked with the C library already, be that glibc or musl.
const library = koffi.load(null);

/** Functions of the C library. Manual pages, section 2. */
export const libc = {
  open: library.func('int open(const char *path, int flags, int mode)') as unknown as (
    path: string,
    flags: number,
    mode: number,
  ) => number,
  dup3: library.func('int dup3(int from, int to, int flags)') as unknown as (
    from: number,
    to: number,
    flags: number,
  ) => number,
  close: library.func('int close(int fd)') as unknown as (fd: number) => number,
  read: library.func('int64_t read(int fd, uintptr_t address, size_t length)') as unknown as (
    fd: number,
    address: number,
    lengthBytes: number,
  ) => number,
  writev: library.func('int64_t writev(int fd, uintptr_t iovecs, int count)') as unknown as (
    fd: number,
    iovecs: number,
    count: number,
  ) => number,
  readBytes: library.func('read', 'int64_t', ['int', 'void *', 'size_t']) as unknown as (
    fd: number,
    bytes: Uint8Array,
    lengthBytes: number,
  ) => number,
  writeBytes: library.func('write', 'int64_t', ['int', 'void *', 'size_t']) as unknown as (
    fd: number,
    bytes: Uint8Array,
    lengthBytes: number,
  ) => number,
  /** `fcntl` with an integer argument. */
  fcntl: library.func('int fcntl(int fd, int command, int argument)') as unknown as (
    fd: number,
    command: number,
    argument: number,
  ) => number,
  /** `ioctl` with an integer argument. */
  ioctlNumber: library.func('ioctl', 'int', ['int', 'ulong', 'uintptr_t']) as unknown as (
    fd: number,
    request: number,
    argument: number,
  ) => number,
  /** `ioctl` with a structure. */
  ioctlBytes: library.func('ioctl', 'int', ['int', 'ulong', 'void *']) as unknown as (
    fd: number,
    request: number,
    argument: Uint8Array | Int32Array,
  ) => number,
  mmap: library.func(
    'uintptr_t mmap(uintptr_t address, size_t length, int protection, int flags, int fd, int64_t offset)',
  ) as unknown as (
    address: number,
    lengthBytes: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ) => number,
  munmap: library.func('int munmap(uintptr_t address, size_t length)') as unknown as (
    address: number,
    lengthBytes: number,
  ) => number,
  eventfd: library.func('int eventfd(uint initial, int flags)') as unknown as (
    initial: number,
    flags: number,
  ) => number,
  ppoll: library.func(
    'int ppoll(uintptr_t pollfds, ulong count, uintptr_t timespec, uintptr_t signalMask)',
  ) as unknown as (pollfds: number, count: number, timespec: number, signalMask: number) => number,
  socket: library.func('int socket(int family, int type, int protocol)') as unknown as (
    family: number,
    type: number,
    protocol: number,
  ) => number,
  bind: library.func('int bind(int fd, void *address, uint length)') as unknown as (
    fd: number,
    address: Uint8Array,
    lengthBytes: number,
  ) => number,
  getsockname: library.func('int getsockname(int fd, void *address, void *length)') as unknown as (
    fd: number,
    address: Uint8Array,
    lengthBytes: Uint32Array,
  ) => number,
  setsockopt: library.func('int setsockopt(int fd, int level, int name, void *value, uint length)') as unknown as (
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    lengthBytes: number,
  ) => number,
  getsockopt: library.func('int getsockopt(int fd, int level, int name, void *value, void *length)') as unknown as (
    fd: number,
    level: number,
    name: number,
    value: Uint32Array,
    lengthBytes: Uint32Array,
  ) => number,
  sendto: library.func(
    'long sendto(int fd, const void *bytes, ulong length, int flags, const void *address, uint addressLength)',
  ) as unknown as (
    fd: number,
    bytes: Uint8Array,
    length: number,
    flags: number,
    address: Uint8Array,
    addressLength: number,
  ) => number,
  sendmmsg: library.func('int sendmmsg(int fd, uintptr_t messages, uint count, int flags)') as unknown as (
    fd: number,
    messages: number,
    count: number,
    flags: number,
  ) => number,
  recvmmsg: library.func(
    'int recvmmsg(int fd, uintptr_t messages, uint count, int flags, uintptr_t timespec)',
  ) as unknown as (fd: number, messages: number, count: number, flags: number, timespec: number) => number,
  sched_setaffinity: library.func('int sched_setaffinity(int thread, size_t length, void *mask)') as unknown as (
    thread: number,
    lengthBytes: number,
    mask: Uint8Array,
  ) => number,
  /** `sched_param` is one `int` in glibc. */
  sched_setscheduler: library.func(
    'int sched_setscheduler(int thread, int policy, const void *parameter)',
  ) as unknown as (thread: number, policy: number, parameter: Int32Array) => number,
  getrlimit: library.func('int getrlimit(int resource, void *limits)') as unknown as (
    resource: number,
    limits: BigUint64Array,
  ) => number,
  setns: library.func('int setns(int fd, int namespaceType)') as unknown as (
    fd: number,
    namespaceType: number,
  ) => number,
  clock_gettime: library.func('int clock_gettime(int clock, void *timespec)') as unknown as (
    clock: number,
    timespec: BigInt64Array,
  ) => number,
  flock: library.func('int flock(int fd, int operation)') as unknown as (fd: number, operation: number) => number,
  fstatfs: library.func('int fstatfs(int fd, void *statfs)') as unknown as (fd: number, statfs: Uint8Array) => number,
};

/**
 * malloc_trim(3): gives pages back to the system that the heap of the C library has free, in all its arenas. `undefined` without glibc.
 * @param padBytes how much may stay at the top of the heap. @returns 1 if anything was given back, or 0.
 */
export const mallocTrim = optional('int malloc_trim(size_t pad)') as unknown as
  ((padBytes: number) => number) | undefined;

function optional(declaration: string): ReturnType<typeof library.func> | undefined {
  try {
    return library.func(declaration);
  } catch {
    return undefined;
  }
}

/** What is being written: it must stay where it is, however long that takes. */
const written = new Set<Uint8Array>();

/** `write` on another thread, for what the kernel takes long to do. @returns its result; which error it was is not known. */
export async function writeElsewhere(fd: number, bytes: Uint8Array): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const write = libc.writeBytes as unknown as {
    async(
      fd: number,
      bytes: Uint8Array,
      lengthBytes: number,
      done: (error: Error | null, result: number) => void,
    ): void;
  };
  written.add(bytes);
  try {
    write.async(fd, bytes, bytes.length, (error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
    return await promise;
  } finally {
    written.delete(bytes);
  }
}

/** `errno` of this thread's last failed call. Must be read before anything else is called. */
export function lastErrno(): number {
  return koffi.errno();
}

/** The memory at `address`, seen as an ArrayBuffer. It must stay mapped for as long as anybody looks at it. */
export function viewMemory(address: number, lengthBytes: number): ArrayBuffer {
  return koffi.view(address, lengthBytes);
}
